/**
 * The place of a request at a pod of this node whose own rules limit what all its callers have of a port together, taken in the pass of
 * one of them: what a proxy of the pod's own would count for its cluster `inbound|PORT||`. Connections between two pods of a node are the
 * caller's, so what counts as one of the callee's is a request of HTTP/1 that is under way; streams of HTTP/2 count as requests alone.
 *
 *     begin ──▶ waits ──its turn──▶ onPlace ──free──▶ free
 *       └ too many wait ──▶ onNoPlace └ too many are under way ──▶ onNoPlace
 */
import type { Runtime } from '../runtime/runtime.ts';
import type { Budget } from '../upstream/budget.ts';
import type { Endpoint } from '../upstream/endpoint.ts';
import type { Guard, Guards } from '../upstream/guards.ts';
import type { OriginalCluster } from '../upstream/original-cluster.ts';
import { Slot } from '../upstream/slot.ts';
import { inboundSlot } from './inbound-slot.ts';
import { inboundClient } from './origin.ts';

export interface CalleeGround {
  readonly runtime: Runtime;
  readonly originals: OriginalCluster;
  readonly guards: Guards;
}

export interface CalleeLimits {
  readonly guard: Guard;
  /** As the callee's own side has it. */
  readonly endpoint: Endpoint;
}

/** At the port where an endpoint is reached; null: its pod is not enrolled here, or its rules say nothing. */
export function calleeLimits({ runtime, originals, guards }: CalleeGround, { config }: Endpoint): CalleeLimits | null {
  const { local, address, port, identity } = config;
  const callee = local === null ? undefined : runtime.workloads.get(local);
  const cluster = callee === undefined ? null : (inboundSlot(runtime, callee, port)?.cluster ?? null);
  if (callee === undefined || cluster === null) return null;
  const guard = guards.of(cluster, inboundClient(callee.key));
  return guard === null ? null : { guard, endpoint: originals.endpoint(address, port, identity, null) };
}

/** Who wants a place; hears one of them, once, from within `begin` or later, unless the place is freed before. */
export interface PlaceUser {
  onPlace(): void;
  onNoPlace(): void;
}

export class CalleePlace {
  readonly #budget: Budget;
  readonly #user: PlaceUser;
  readonly #slot: Slot | null;
  /** A request has been counted. */
  #counted = false;

  /** @param exclusive the request has a connection to itself. */
  constructor({ guard, endpoint }: CalleeLimits, exclusive: boolean, user: PlaceUser) {
    this.#budget = guard.budget;
    this.#user = user;
    this.#slot = exclusive ? new Slot(guard, endpoint, () => this.#onTurn()) : null;
  }

  begin(): void {
    if (this.#slot === null) this.#take();
    else if (!this.#slot.begin()) this.#user.onNoPlace();
  }

  free(): void {
    this.#slot?.free();
    if (this.#counted) this.#budget.giveRequest();
    this.#counted = false;
  }

  /** The connection is there: it is the caller's. */
  #onTurn(): void {
    this.#slot?.established();
    this.#take();
  }

  #take(): void {
    this.#counted = this.#budget.takeRequest();
    if (this.#counted) return this.#user.onPlace();
    this.#slot?.free();
    this.#user.onNoPlace();
  }
}
