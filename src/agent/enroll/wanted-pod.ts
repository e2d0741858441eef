/** A pod that should be captured: what enrolment is told of it. */
import { createHash } from 'node:crypto';

export interface WantedPod {
  /** `namespace/name`. */
  readonly key: string;
  readonly uid: string;
  /** Path of its network namespace where the manifests name one. */
  readonly netns: string | null;
  readonly addresses: readonly string[];
  readonly failClosed: boolean;
}

/** Who the pod is, as the 32 hexadecimal digits that the kernel keeps beside a capture: the same name with another UID is another pod. */
export function ownerOf({ key, uid }: Pick<WantedPod, 'key' | 'uid'>): string {
  return createHash('sha256').update(`${key}\0${uid}`).digest('hex').slice(0, 32);
}

/** Whether the kernel need not be told of a change from one to the other. */
export function sameCapture(a: WantedPod, b: WantedPod): boolean {
  return a.failClosed === b.failClosed && a.addresses.join() === b.addresses.join();
}

/** For people: why it has no network namespace. */
export function missingNamespace(pod: WantedPod): string {
  if (pod.netns !== null) return `there is no network namespace at ${pod.netns}`;
  return pod.uid === ''
    ? 'it has neither a UID nor the annotation nodeway.io/netns'
    : `no process of it runs on this node (UID ${pod.uid})`;
}
