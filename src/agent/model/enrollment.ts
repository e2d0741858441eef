/** Whether a pod is enrolled, and why. Pure. */
import type { ApiObject, Pod } from './objects.ts';
import { otherMesh } from './other-meshes.ts';

const ENROLL_ANNOTATION = 'nodeway.io/enroll';
const INJECT = 'sidecar.istio.io/inject';
const INJECTION = 'istio-injection';

export interface EnrollmentOptions {
  /** Honour Istio's own labels, and leave pods with a sidecar alone. */
  readonly istioCompat: boolean;
}

export interface EnrollmentDecision {
  readonly enrolled: boolean;
  /** For people: what decided. */
  readonly reason: string;
  /** Whether it was not decided by what the pod itself is and says. */
  readonly asksOwners: boolean;
  /** Whether something asks for it, whatever else speaks against it. Of one that is never enrolled, owners are not asked. */
  readonly asked: boolean;
  /** Annotations that are neither true nor false; they have no effect. */
  readonly invalid: readonly InvalidAnnotation[];
}

export interface InvalidAnnotation {
  readonly object: ApiObject;
  readonly annotation: string;
  readonly value: string;
}

/** What one object says. */
interface Opinion {
  readonly enrolled: boolean;
  readonly by: string;
}

/**
 * The nearest opinion wins: the pod's, then its owners' from the nearest on, then the namespace's. On one object our own annotation
 * wins over Istio's label.
 */
export function enrollment(
  pod: Pod,
  owners: readonly ApiObject[],
  namespace: ApiObject | null,
  { istioCompat }: EnrollmentOptions,
): EnrollmentDecision {
  const invalid: InvalidAnnotation[] = [];
  let asksOwners = false;
  const decided = (enrolled: boolean, reason: string, asked = enrolled): EnrollmentDecision => {
    return { enrolled, reason, asksOwners, asked, invalid };
  };
  const never = exclusion(pod, namespace, istioCompat);
  const opinionOf = (object: ApiObject): Opinion | null => annotated(object, invalid) ?? (istioCompat ? labelled(object) : null);
  if (never !== null) {
    const opinion = opinionOf(pod) ?? (namespace === null ? null : opinionOf(namespace));
    return decided(false, never, opinion?.enrolled === true);
  }
  for (const object of [pod, ...owners.filter(speaksForItself), ...(namespace === null ? [] : [namespace])]) {
    const opinion = opinionOf(object);
    if (opinion !== null) return decided(opinion.enrolled, `${opinion.by} on ${nameOf(object)}`);
    asksOwners = true;
  }
  return decided(false, 'nothing asks for it');
}

/** What no annotation can change. */
function exclusion(pod: Pod, namespace: ApiObject | null, istioCompat: boolean): string | null {
  const { spec, status } = pod;
  if (spec?.hostNetwork === true) return "it uses the node's network";
  if (status?.phase === 'Succeeded' || status?.phase === 'Failed') return 'it has ended';
  return otherMesh(pod, namespace, istioCompat);
}

/**
 * A ReplicaSet of a Deployment has a copy of its annotations, which the Deployment's controller makes and never takes back: only the
 * Deployment says what holds now.
 */
function speaksForItself({ kind, metadata: { ownerReferences } }: ApiObject): boolean {
  return kind !== 'ReplicaSet' || !(ownerReferences ?? []).some((owner) => owner.kind === 'Deployment');
}

function annotated(object: ApiObject, invalid: InvalidAnnotation[]): Opinion | null {
  const value = object.metadata.annotations?.[ENROLL_ANNOTATION];
  if (value === undefined) return null;
  if (value === 'true' || value === 'false') return { enrolled: value === 'true', by: `annotation ${ENROLL_ANNOTATION}=${value}` };
  invalid.push({ object, annotation: ENROLL_ANNOTATION, value });
  return null;
}

/** Istio's labels: on pods and on namespaces. */
function labelled({ kind, metadata: { labels } }: ApiObject): Opinion | null {
  const [label, yes, no] = kind === 'Pod' ? [INJECT, 'true', 'false'] : kind === 'Namespace' ? [INJECTION, 'enabled', 'disabled'] : [];
  const value = label === undefined ? undefined : labels?.[label];
  if (value === undefined || (value !== yes && value !== no)) return null;
  return { enrolled: value === yes, by: `label ${label}=${value}` };
}

function nameOf({ kind, metadata: { namespace, name } }: ApiObject): string {
  return kind === 'Namespace' || namespace === undefined || namespace === '' ? `${kind} ${name}` : `${kind} ${namespace}/${name}`;
}
