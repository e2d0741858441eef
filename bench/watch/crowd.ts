/** What watches of many agents cost the API server: so many of EndpointSlices, as each agent has one, and changes that all of them hear of. */
import { setTimeout as delay } from 'node:timers/promises';
import type { ApiServer } from '../../test/e2e/api-server.ts';
import type { KubeObject } from '../../test/e2e/kube-api.ts';
import { cpuSeconds, residentMb } from './process-cost.ts';

const PATH = '/apis/discovery.k8s.io/v1/endpointslices';
const NEWLINE = 0x0a;
/** Opened at once: each begins with a handshake, and with all that there is. */
const AT_ONCE = 20;
/** Nothing has come for so long. */
const QUIET_MS = 2000;

export interface CrowdCost {
  /** Of the server, in milliseconds, for one event to one watch. */
  readonly cpuMs: number;
  /** Of the server, in MB, for one watch that is open. */
  readonly megabytes: number;
  readonly events: number;
  readonly bytes: number;
}

/** @param changes each is made as a whole object, and differs from what is there. */
export async function crowd(api: ApiServer, watches: number, changes: readonly KubeObject[]): Promise<CrowdCost> {
  let [events, bytes, latest] = [0, 0, performance.now()];
  const onChunk = (chunk: Buffer): void => {
    for (const byte of chunk) if (byte === NEWLINE) events++;
    bytes += chunk.length;
    latest = performance.now();
  };
  const quiet = async (): Promise<void> => {
    while (performance.now() - latest < QUIET_MS) await delay(QUIET_MS / 10);
  };
  const before = residentMb(api.serverPid);
  const ends: (() => void)[] = [];
  for (let left = watches; left > 0; left -= AT_ONCE) {
    const opened = Array.from({ length: Math.min(left, AT_ONCE) }, () => api.kube.watch(PATH, onChunk));
    ends.push(...(await Promise.all(opened)));
  }
  await quiet();
  const megabytes = (residentMb(api.serverPid) - before) / watches;
  [events, bytes] = [0, 0];
  const cpu = cpuSeconds(api.serverPid);
  for (const change of changes) await api.kube.replace(change);
  latest = performance.now();
  await quiet();
  const used = cpuSeconds(api.serverPid) - cpu;
  for (const end of ends) end();
  return { cpuMs: (used * 1000) / Math.max(events, 1), megabytes, events, bytes };
}
