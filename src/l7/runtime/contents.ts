/** Everything that is in effect, and everything that is staged. Runtime reads it, Staging changes it. */
import { ChangingMap } from '../../base/changing-map.ts';
import { Epoch, type Held } from '../../base/epoch.ts';
import type { HeaderNames } from '../message/header-names.ts';
import type { GatewayConfig } from '../config/workload.ts';
import type { MeshSettings } from '../snapshot.ts';
import type { ClusterSlot } from '../upstream/cluster.ts';
import { Layers, type Table } from './layers.ts';
import type { Workload } from './workload.ts';

/** A power of two. */
const SHARDS = 64;

export interface Gateway {
  readonly config: GatewayConfig;
  readonly table: Table;
  /** That TLS clients may ask for. */
  readonly names: Table;
}

export class Contents {
  readonly names: HeaderNames;
  readonly epoch = new Epoch();
  readonly layers = new Layers(this.epoch);
  readonly workloads = new ChangingMap<string, Workload>(this.epoch);
  readonly gateways = new ChangingMap<number, Gateway>(this.epoch);
  readonly byAddress = new ChangingMap<string, Workload>(this.epoch);
  /** A slot exists as long as something refers to it, whether or not its cluster exists. */
  readonly slots = new ChangingMap<string, ClusterSlot>(new Epoch(), SHARDS);
  settings: Held<MeshSettings> = { connectTimeoutMs: 10_000, rootNamespace: 'istio-system', pathNormalization: 'base' };
  version = 0;
  /** Pods of this node whose own lines of the access log may be written in their callers' passes. */
  readonly loggingCallees = new Set<string>();

  constructor(names: HeaderNames) {
    this.names = names;
  }
}
