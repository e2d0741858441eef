/** Local pods that the agent serves. */
import { change, current, settled, upcoming, type Changing, type Epoch, type Held } from '../../base/epoch.ts';
import type { Identity } from '../config/identity.ts';
import type { InboundPort, WorkloadTelemetry } from '../config/workload.ts';
import type { Scope } from './scope.ts';

/** Workloads refer to a scope by its slot, so that they need not change with it. */
export class ScopeSlot implements Changing {
  readonly id: string;
  uses = 0;
  held: Held<Scope | null> = null;
  readonly #epoch: Epoch;

  constructor(id: string, epoch: Epoch) {
    this.id = id;
    this.#epoch = epoch;
  }

  settle(): boolean {
    this.held = settled(this.held, this.#epoch);
    return true;
  }
}

export interface WorkloadState {
  readonly identity: Identity;
  readonly addresses: readonly string[];
  readonly inbound: Readonly<Record<string, InboundPort>>;
  readonly scope: ScopeSlot;
  readonly telemetry: WorkloadTelemetry | null;
}

/** A local pod that the agent serves. The object stays the same as long as the pod is enrolled. */
export class Workload implements Changing {
  readonly key: string;
  readonly #epoch: Epoch;
  #held: Held<WorkloadState>;

  constructor(key: string, state: WorkloadState, epoch: Epoch) {
    this.key = key;
    this.#held = state;
    this.#epoch = epoch;
  }

  get identity(): Identity {
    return current(this.#held, this.#epoch).identity;
  }

  get addresses(): readonly string[] {
    return current(this.#held, this.#epoch).addresses;
  }

  get inbound(): Readonly<Record<string, InboundPort>> {
    return current(this.#held, this.#epoch).inbound;
  }

  get telemetry(): WorkloadTelemetry | null {
    return current(this.#held, this.#epoch).telemetry;
  }

  get scope(): Scope | null {
    return current(current(this.#held, this.#epoch).scope.held, this.#epoch);
  }

  get upcoming(): WorkloadState {
    return upcoming(this.#held);
  }

  /** To be settled after the commit. */
  stage(state: WorkloadState): void {
    this.#held = change(this.#held, state, this.#epoch);
  }

  settle(): boolean {
    this.#held = settled(this.#held, this.#epoch);
    return true;
  }
}
