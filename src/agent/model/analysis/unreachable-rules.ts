/** Rules of a VirtualService that no request reaches, because an earlier one takes everything that they match. */
import type { HttpMatchRequest, HttpRoute, StringCondition, VirtualService } from '../objects.ts';
import { refOf } from '../problem.ts';
import { CODE } from './codes.ts';
import type { Say } from './finding.ts';

interface Earlier {
  readonly rule: number;
  readonly match: HttpMatchRequest | null;
}

export function unreachableRules(services: readonly VirtualService[], say: Say): void {
  for (const service of services) {
    const earlier: Earlier[] = [];
    (service.spec.http ?? []).forEach((rule, index) => checkRule(service, rule, index, earlier, say));
  }
}

function checkRule(service: VirtualService, { match = [] }: HttpRoute, index: number, earlier: Earlier[], say: Say): void {
  const all: readonly (HttpMatchRequest | null)[] = match.length === 0 ? [null] : match;
  const shadows = all.map((one) => earlier.find((other) => shadowed(one, other.match)));
  const object = refOf(service);
  const [first] = shadows;
  if (first !== undefined && shadows.every((shadow) => shadow !== undefined)) {
    const message = `no request reaches the rule: rule ${first.rule} takes all that it matches`;
    say({ code: CODE.unreachableRule, severity: 'warning', object, path: ['spec', 'http', index], message });
  } else {
    shadows.forEach((shadow, position) => {
      if (shadow === undefined) return;
      const message = `no request meets it here: rule ${shadow.rule} takes all of them`;
      say({ code: CODE.ineffectiveMatch, severity: 'warning', object, path: ['spec', 'http', index, 'match', position], message });
    });
  }
  for (const one of all) earlier.push({ rule: index, match: one });
}

/** Whether the earlier one takes all that `match` takes. Null: everything. */
function shadowed(match: HttpMatchRequest | null, earlier: HttpMatchRequest | null): boolean {
  if (earlier === null) return true;
  const { name: _, statPrefix: __, uri, ...rest } = earlier as HttpMatchRequest & { statPrefix?: string };
  if (!coversPath(uri, match?.uri, earlier.ignoreUriCase === true || match?.ignoreUriCase === true)) return false;
  // Whatever else the earlier one asks for, this one asks for in the same words.
  return Object.entries(rest).every(([field, value]) => same(value, (match as Record<string, unknown> | null)?.[field]));
}

function coversPath(earlier: StringCondition | undefined, later: StringCondition | undefined, ignoresCase: boolean): boolean {
  if (earlier === undefined || earlier.prefix === '/' || earlier.prefix === '' || earlier.regex === '.*') return true;
  if (later === undefined) return false;
  if (same(earlier, later)) return true;
  if (earlier.prefix === undefined || ignoresCase) return false;
  return (later.prefix ?? later.exact)?.startsWith(earlier.prefix) === true;
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
