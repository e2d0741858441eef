/** Tells the kernel programs whose connections into pods are health probes: the kubelet's. */
import type { Cancel, Clock } from '../../base/clock.ts';
import { messageOf } from '../../base/errors.ts';
import { cgroupId } from '../../datapath/namespaces.ts';
import type { AgentConfig } from '../config.ts';
import type { Log } from '../log.ts';
import { kubeletCgroup } from './kubelet.ts';

/** A kubelet that was restarted has a new cgroup under the same path. Until it is found, its probes go through the agent. */
const LOOK_MS = 10_000;

export function watchProbers(config: AgentConfig, clock: Clock, log: Log, tell: (cgroups: readonly bigint[]) => void): Cancel {
  let known: { readonly id: bigint; readonly path: string } | null = null;
  const look = (): void => {
    try {
      const path = config['kubelet-cgroup'] || kubeletCgroup();
      if (path === null) return;
      const id = cgroupId(path);
      if (id === known?.id) return;
      known = { id, path };
      tell([id]);
      log.info({ cgroup: path }, 'health probes come from this cgroup');
    } catch (error) {
      if (known !== null) log.warn({ cgroup: known.path, error: messageOf(error) }, 'the cgroup of health probes is not found any more');
      known = null;
    }
  };
  look();
  return clock.every(LOOK_MS, look);
}
