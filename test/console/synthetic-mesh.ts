/** A mesh of any size, the same one each time: callers before callees, most calls by few services, some with errors. */
import type { Call } from '../../console/graph/model.ts';

const WORDS = ['cart', 'search', 'price', 'login', 'stock', 'mail', 'ship', 'ads', 'rank', 'quote'];
const ROLES = ['api', 'worker', 'store', 'gateway', 'cache', 'index'];
const NAMESPACES = ['shop', 'search', 'core'];

export interface SyntheticMesh {
  /** `namespace/name` of each service. */
  readonly services: readonly string[];
  readonly calls: readonly Call[];
}

export function largeMesh(size: number): SyntheticMesh {
  const random = lehmer(7);
  const services = Array.from({ length: size }, (_, index) => {
    const name = `${WORDS[index % WORDS.length]}-${ROLES[index % ROLES.length]}-${index}`;
    return `${NAMESPACES[index % NAMESPACES.length]}/${name}`;
  });
  const calls = services.slice(1).flatMap((to, index) => {
    const callers = new Set(Array.from({ length: 1 + Math.floor(random() * 2.2) }, () => Math.floor(random() * random() * (index + 1))));
    return [...callers].map((caller) => callOf(services[caller] ?? to, to, random));
  });
  return { services, calls };
}

function callOf(from: string, to: string, random: () => number): Call {
  const isTcp = random() < 0.08;
  const perSecond = 200 * random() * random();
  const errorShare = random() < 0.06 ? 0.05 + random() * 0.2 : random() < 0.15 ? random() * 0.02 : 0;
  const p50 = 1 + random() * 40;
  if (isTcp) return { from, to, protocol: 'tcp', perSecond: 0, bytesPerSecond: perSecond * 9000, errorShare: 0, p50: null, p99: null };
  const protocol = random() < 0.2 ? 'grpc' : 'http';
  return { from, to, protocol, perSecond, bytesPerSecond: perSecond * 1200, errorShare, p50, p99: p50 * (2 + random() * 8) };
}

/** The minimal standard generator of Park and Miller. */
function lehmer(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
}
