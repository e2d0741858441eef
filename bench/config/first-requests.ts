/** What the first request of a client's namespace at a port costs more than the following ones: nothing should be left to be prepared. */
import type { Answer, Pods } from './pods.ts';
import { SERVICES_PER_RARE_PORT, TEAMS, clusterIp, hostOf, portOf, rarePorts } from './world.ts';

const TIMEOUT_MS = 60_000;
/** A connection that is not in use otherwise. */
const CONNECTION = 0;
const MOST_RARE_PORTS = 40;

/** Milliseconds, of the first request beyond the median of those that follow; each of them on a new connection to another Service. */
export interface FirstRequests {
  readonly samples: number;
  readonly medianExcessMs: number;
  readonly longestExcessMs: number;
  readonly failed: number;
}

export async function measureFirstRequests(pods: Pods, services: number): Promise<{ port80: FirstRequests; rare: FirstRequests }> {
  const common = Array.from({ length: services }, (_, number) => number).filter((number) => portOf(number) === 80);
  const port80: number[][] = [];
  for (let pod = 0; pod < TEAMS; pod++) {
    const some = Array.from(
      { length: SERVICES_PER_RARE_PORT },
      (_, index) => common[(pod * SERVICES_PER_RARE_PORT + index) % common.length]!,
    );
    port80.push(await latencies(pods, pod, some));
  }
  const rare: number[][] = [];
  for (const [index, { first }] of rarePorts(services).slice(0, MOST_RARE_PORTS).entries()) {
    const some = Array.from({ length: SERVICES_PER_RARE_PORT }, (_, offset) => first + offset).filter((number) => number < services);
    rare.push(await latencies(pods, index % TEAMS, some));
  }
  return { port80: summary(port80), rare: summary(rare) };
}

/** @throws when a pod gets no answer at all: nothing else can be measured then. */
async function latencies(pods: Pods, pod: number, services: readonly number[]): Promise<number[]> {
  const result: number[] = [];
  for (const service of services) {
    pods.open(CONNECTION, { pod, address: clusterIp(service), port: portOf(service), host: hostOf(service) });
    const answer: Answer | null = await pods.ask(CONNECTION, TIMEOUT_MS);
    result.push(answer === null || answer.status !== 200 ? NaN : answer.us / 1000);
  }
  if (result.every(Number.isNaN)) throw new Error(`no request of pod ${pod} to port ${portOf(services[0]!)} was answered`);
  return result;
}

function summary(groups: readonly (readonly number[])[]): FirstRequests {
  const complete = groups.filter(([first]) => !Number.isNaN(first));
  const excesses = complete.map(([first = 0, ...others]) => first - median(others.filter((other) => !Number.isNaN(other))));
  return {
    samples: excesses.length,
    medianExcessMs: median(excesses),
    longestExcessMs: Math.max(...excesses),
    failed: groups.flat().filter(Number.isNaN).length,
  };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;
}
