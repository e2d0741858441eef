/** Which part of the compiler takes which kind of object. Kinds that no part takes say nothing about traffic. */
import { internal } from '../../../base/internal.ts';
import { OWNER_KINDS } from '../needs.ts';
import type { Kinds } from '../objects.ts';
import type { Packed } from '../packed.ts';
import type { ObjectRef } from '../problem.ts';
import { typeKey } from '../problem.ts';
import { typeOfKind } from '../schema/kinds.ts';
import type { ObjectChange } from '../store.ts';
import type { DestinationRules } from './destination-rules.ts';
import type { Endpoints } from './endpoints.ts';
import type { EntryEndpoints } from './entry-endpoints.ts';
import type { Gateways } from './gateways.ts';
import type { Localities } from './localities.ts';
import type { Mesh } from './mesh-config.ts';
import type { Pods } from './pods.ts';
import type { Telemetries } from './telemetries.ts';
import type { Services } from './services.ts';
import type { Sidecars } from './sidecars.ts';
import type { VirtualServices } from './virtual-services.ts';

export interface ObjectParts {
  readonly mesh: Mesh;
  readonly pods: Pods;
  readonly services: Services;
  readonly rules: DestinationRules;
  readonly gateways: Gateways;
  readonly virtualServices: VirtualServices;
  readonly endpoints: Endpoints;
  readonly telemetries: Telemetries;
  readonly entries: EntryEndpoints;
  readonly sidecars: Sidecars;
  readonly localities: Localities;
}

type Take = (change: ObjectChange, key: string) => void;

export class ObjectInputs {
  readonly #takes = new Map<string, Take>();

  constructor({
    mesh,
    pods,
    services,
    rules,
    gateways,
    virtualServices,
    endpoints,
    telemetries,
    entries,
    sidecars,
    localities,
  }: ObjectParts) {
    this.#on('ConfigMap', (object, { namespace, name }) => mesh.set(namespace, name, object));
    this.#on('Node', (object, { name }) => localities.set(name, object));
    this.#on('Namespace', (object, { name }) => pods.setNamespace(name, object));
    for (const kind of OWNER_KINDS) this.#on(kind, (object, { namespace, name }) => pods.setOwner(kind, namespace, name, object));
    this.#on('Pod', (object, _, key, trusted) => pods.set(key, object === null ? null : { object, trusted }));
    this.#on('Service', (object, { namespace, name }) => services.set(namespace, name, object));
    this.#on('DestinationRule', (object, _, key) => rules.set(key, object));
    this.#on('Gateway', (object, _, key) => gateways.set(key, object));
    this.#on('VirtualService', (object, _, key) => virtualServices.set(key, object));
    this.#on('ServiceEntry', (object, _, key) => services.setEntry(key, object));
    this.#on('WorkloadEntry', (object, _, key) => entries.set(key, object));
    this.#on('Telemetry', (object, _, key) => telemetries.set(key, object));
    this.#on('Sidecar', (object, _, key) => sidecars.set(key, object));
    this.#on('EndpointSlice', (object, _, key) => endpoints.setSlice(key, object));
    this.#on('Endpoints', (object, _, key) => endpoints.set(key, object));
  }

  take(change: ObjectChange): void {
    const { namespace, name } = change.ref;
    this.#takes.get(typeKey(change.ref))?.(change, namespace === '' ? name : internal(`${namespace}/${name}`));
  }

  #on<K extends keyof Kinds>(
    kind: K,
    take: (object: Packed<Kinds[K]> | null, ref: ObjectRef, key: string, trusted: boolean) => void,
  ): void {
    this.#takes.set(typeKey(typeOfKind(kind)), ({ ref, object, origin }, key) => {
      take(object as Packed<Kinds[K]> | null, ref, key, origin?.trusted === true);
    });
  }
}
