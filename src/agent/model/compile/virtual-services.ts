/** VirtualServices with all names in full, by what they are bound to. */
import type { VirtualService } from '../objects.ts';
import { fullName } from './hosts.ts';
import { type ObjectSet, objectsOf } from './object-set.ts';
import type { CompileOptions } from './options.ts';

/** The gateway that stands for all clients inside. */
export const MESH = 'mesh';

export interface BoundVirtualService {
  readonly object: VirtualService;
  readonly namespace: string;
  readonly hosts: readonly string[];
  /** `mesh`, or `namespace/name`. */
  readonly gateways: readonly string[];
}

export class VirtualServices {
  /** The oldest first. */
  readonly list: readonly BoundVirtualService[];
  readonly mesh: readonly BoundVirtualService[];
  readonly #byGateway = new Map<string, BoundVirtualService[]>();

  constructor(objects: ObjectSet, { clusterDomain }: CompileOptions) {
    this.list = objectsOf(objects, 'VirtualService').map((object) => {
      const namespace = object.metadata.namespace ?? '';
      const { hosts = [], gateways } = object.spec;
      return {
        object,
        namespace,
        hosts: hosts.map((host) => fullName(host, namespace, clusterDomain)),
        gateways: (gateways === undefined || gateways.length === 0 ? [MESH] : gateways).map((name) => gatewayName(name, namespace)),
      };
    });
    for (const service of this.list) {
      for (const gateway of new Set(service.gateways)) {
        const known = this.#byGateway.get(gateway);
        if (known === undefined) this.#byGateway.set(gateway, [service]);
        else known.push(service);
      }
    }
    this.mesh = this.boundTo(MESH);
  }

  boundTo(gateway: string): readonly BoundVirtualService[] {
    return this.#byGateway.get(gateway) ?? [];
  }
}

/** `name`, `namespace/name`, and the old `name.namespace.svc.cluster.local`. */
export function gatewayName(name: string, namespace: string): string {
  if (name === MESH || name.includes('/')) return name;
  const [first, second] = name.split('.', 2);
  return `${second ?? namespace}/${first}`;
}
