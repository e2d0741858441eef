/**
 * Endpoints for connections that keep their original destination: addresses that no service is known for, and the
 * applications of enrolled pods. They are made on demand and dropped when nothing uses them.
 */
import type { Identity } from '../config/identity.ts';
import { Endpoint } from './endpoint.ts';

/** How many endpoints may be remembered before those that nothing uses are dropped. */
const LIMIT = 4096;

export class OriginalCluster {
  readonly #endpoints = new Map<string, Endpoint>();

  get size(): number {
    return this.#endpoints.size;
  }

  /**
   * @param workload key of the enrolled workload of this node that has the address, or null.
   * @param twoSided that pod's own side is passed, too.
   */
  endpoint(address: string, port: number, identity: Identity, workload: string | null, twoSided = false): Endpoint {
    const key = `${address}|${port}|${workload ?? ''}${twoSided ? '|' : ''}`;
    const known = this.#endpoints.get(key);
    if (known !== undefined && known.config.identity === identity) return known;
    if (this.#endpoints.size >= LIMIT) this.#dropUnused();
    const place = workload !== null && twoSided ? { local: null, twoSided: workload } : { local: workload };
    const endpoint = new Endpoint({ address, port, weight: 1, identity, ...place });
    known?.remove();
    this.#endpoints.set(key, endpoint);
    return endpoint;
  }

  #dropUnused(): void {
    for (const [key, endpoint] of this.#endpoints) {
      if (endpoint.active > 0) continue;
      endpoint.remove();
      this.#endpoints.delete(key);
    }
  }
}
