/** What is known of two peers as one of them reports it, found by the objects that say who they are. */
import type { Identity, ServiceRef } from '../config/identity.ts';
import type { Peers } from './exchange-record.ts';

type ByService<T> = Map<ServiceRef | string, T>;
type ByCallee<T> = WeakMap<Identity, ByService<T>>;

export class PeerTable<T> {
  readonly #source = new WeakMap<Identity, ByCallee<T>>();
  readonly #destination = new WeakMap<Identity, ByCallee<T>>();

  find({ reporter, caller, callee, service, fallbackService }: Peers, make: () => T): T {
    const callers = reporter === 'source' ? this.#source : this.#destination;
    let callees = callers.get(caller);
    if (callees === undefined) callers.set(caller, (callees = new WeakMap()));
    let services = callees.get(callee);
    if (services === undefined) callees.set(callee, (services = new Map()));
    const key = service ?? fallbackService;
    let found = services.get(key);
    if (found === undefined) services.set(key, (found = make()));
    return found;
  }
}
