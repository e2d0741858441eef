/** Checks an object, and packs it as the store keeps it. Any thread may do that. */
import { pack } from './packed.ts';
import { type Finding, refOf } from './problem.ts';
import { checkObject } from './schema/index.ts';
import type { CheckedObject, Origin, RawObject } from './sink.ts';

/** Nearly no object has any. */
const NO_FINDINGS: readonly Finding[] = [];

export function checked(object: RawObject, origin: Origin): CheckedObject {
  const { value, problems } = checkObject(object, origin);
  const findings = problems.length === 0 ? NO_FINDINGS : problems;
  return { ref: origin.ref ?? refOf(object), good: value === null ? null : pack(value), findings };
}
