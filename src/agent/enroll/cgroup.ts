/**
 * Reads pod UIDs out of `/proc/<pid>/cgroup`. How the kubelet's drivers name pod `0a1b-…` of class Burstable:
 *
 *     cgroupfs  /kubepods/burstable/pod0a1b2c3d-…/<container>
 *     systemd   /kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod0a1b2c3d_….slice/cri-containerd-<container>.scope
 *
 * A line is `hierarchy:controllers:path`: one line `0::path` on v2, one per controller on v1, both on a hybrid machine. Nested
 * kubelets (kind, k3s in a container) put more components in front, so the last pod component counts; with a cgroup root of their own and
 * the systemd driver its name begins with that root's (`kubelet-kubepods-burstable-pod0a1b2c3d_….slice`). A containerd that does not use
 * systemd below a kubelet that does joins three names by colons (`kubepods-pod0a1b2c3d_….slice:cri-containerd:<container>`).
 */
const UID = '[0-9a-f]{8}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{12}';
/** Static pods have a hash of their manifest for a UID: 32 hexadecimal digits without dashes. */
const POD_COMPONENT = new RegExp(`^(?:(?:[^/]+-)?kubepods(?:-[a-z]+)?-)?pod(${UID}|[0-9a-f]{32})(?:\\.slice)?(?::[^/]*)?$`);

/** UID of the pod to which a process with this cgroup file belongs; null: to none. */
export function podUidOf(cgroupFile: string): string | null {
  for (const line of cgroupFile.split('\n')) {
    const path = pathOf(line);
    if (path === null || !path.includes('pod')) continue;
    const uid = lastPodUid(path);
    if (uid !== null) return uid;
  }
  return null;
}

/** Path of the process in the v2 hierarchy, for its cgroup's id; null where only v1 is mounted. */
export function unifiedPathOf(cgroupFile: string): string | null {
  const line = cgroupFile.split('\n').find((candidate) => candidate.startsWith('0::'));
  return line === undefined ? null : line.slice(3);
}

function pathOf(line: string): string | null {
  const controllers = line.indexOf(':');
  const path = controllers < 0 ? -1 : line.indexOf(':', controllers + 1);
  return path < 0 ? null : line.slice(path + 1);
}

function lastPodUid(path: string): string | null {
  for (const component of path.split('/').reverse()) {
    const uid = POD_COMPONENT.exec(component)?.[1];
    if (uid !== undefined) return uid.replaceAll('_', '-');
  }
  return null;
}
