/** Checks an object against its kind: every problem at once, each with the place of its field. */
import type { AnyObject } from '../objects.ts';
import { type FieldPath, type Finding, pathText } from '../problem.ts';
import type { Origin, RawObject } from '../sink.ts';
import { meetJudged } from './fields.ts';
import { isKnownByMetadata, kindOf, KINDS, shapeOfKind } from './kinds.ts';
import { type Complain, reportUnserved } from './report.ts';
import { withoutUnset } from './unset.ts';

export interface Checked {
  /** What is in effect from now on; null when the object was refused. */
  readonly value: AnyObject | null;
  readonly problems: readonly Finding[];
}

export function checkObject(object: RawObject, origin: Origin): Checked {
  const problems: Finding[] = [];
  const complain: Complain = (severity, path, message) => {
    problems.push({ severity, path: pathText(path), message, place: path.length === 0 ? null : origin.locate(path) });
  };
  const kind = kindOf(object.apiVersion, object.kind);
  if (kind === null) complainOfKind(object, complain);
  else if (origin.metadataOnly === true && !isKnownByMetadata(kind)) complain('error', [], 'only the metadata is known');
  if (kind === null || problems.length > 0) return { value: null, problems };
  const shape = shapeOfKind(kind);
  const given = withoutUnset(shape, object);
  const { result, met } = meetJudged(() => KINDS[kind].safeParse(given));
  for (const { path, message } of result.error?.issues ?? []) complain('error', path as FieldPath, message);
  reportUnserved(shape, given, result.success ? met : null, complain);
  return { value: result.data ?? null, problems };
}

/** Groups whose other kinds are known and not served. */
const KNOWN_GROUPS = /^((networking|security|telemetry|extensions)\.istio\.io|gateway\.networking\.k8s\.io)\//;
/** Kubernetes' own groups: manifests of an application have many kinds (PersistentVolumeClaim, Role, …) that say nothing about traffic. */
const OWN_GROUPS = /^(v1|(apps|batch|autoscaling|policy|extensions|([a-z]+\.)+k8s\.io)\/v[0-9a-z]+)$/;

/** Kinds of these groups that will never be served, or say nothing about traffic. */
const REASONS: Readonly<Record<string, string>> = {
  EnvoyFilter: 'it patches the configuration of Envoy, and there is no Envoy here; use the other kinds for what it does',
  WasmPlugin: 'it is a plug-in for Envoy, and there is no Envoy here',
  TrafficExtension: 'it is a plug-in for Envoy, and there is no Envoy here',
  ProxyConfig: 'pods have no proxy of their own; the settings of the agent take its place',
  WorkloadGroup: 'it is a template for WorkloadEntries of machines that register themselves; the WorkloadEntries are served',
};

function complainOfKind({ apiVersion, kind }: RawObject, complain: Complain): void {
  const reason = KNOWN_GROUPS.test(apiVersion) && Object.hasOwn(REASONS, kind) ? REASONS[kind] : undefined;
  if (reason !== undefined) complain('unsupported', ['kind'], reason);
  else if (KNOWN_GROUPS.test(apiVersion)) complain('unsupported', ['kind'], `${apiVersion} ${kind} is not served yet`);
  else if (!OWN_GROUPS.test(apiVersion)) complain('warning', ['kind'], `unknown kind ${apiVersion} ${kind}`);
}
