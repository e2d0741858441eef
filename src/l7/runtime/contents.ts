/** Everything that is in effect, and everything that is staged. Runtime reads it, Staging changes it. */
import { ChangingMap } from '../../base/changing-map.ts';
import { Epoch, type Held } from '../../base/epoch.ts';
import type { HeaderNames } from '../message/header-names.ts';
import type { GatewayConfig } from '../config/workload.ts';
import type { MeshSettings } from '../snapshot.ts';
import type { VirtualHost } from '../routing/virtual-host.ts';
import { RecordView } from '../packed/record-memory.ts';
import type { Action } from './actions.ts';
import { AddressBook } from './address-book.ts';
import { HostStore } from './host-store.ts';
import { Layers, type Table } from './layers.ts';
import type { Workload } from './workload.ts';

export interface Gateway {
  readonly config: GatewayConfig;
  readonly table: Table;
  /** That TLS clients may ask for. */
  readonly names: Table;
}

export class Contents {
  readonly names: HeaderNames;
  readonly epoch = new Epoch();
  /** Packed records, that all threads share. */
  readonly memory = new RecordView();
  readonly hosts = new HostStore((number) => this.makeHost(number));
  readonly layers = new Layers(this.epoch, this.hosts);
  readonly addresses = new AddressBook(this.layers, this.memory, this.epoch);
  readonly workloads = new ChangingMap<string, Workload>(this.epoch);
  readonly gateways = new ChangingMap<number, Gateway>(this.epoch);
  readonly byAddress = new ChangingMap<string, Workload>(this.epoch);
  settings: Held<MeshSettings> = {
    ...{ connectTimeoutMs: 10_000, pathNormalization: 'base' },
    ...{ rootNamespace: 'istio-system', gatewayName: 'istio-ingressgateway' },
  };
  version = 0;
  /** Pods of this node of which more than Istio's metrics, or less, may be told in their callers' passes; and those for which requests are noted. */
  readonly toldCallees = new Set<string>();
  readonly askingCallees = new Set<string>();

  /** The virtual host of a packed record; set by who prepares virtual hosts. */
  makeHost: (number: number) => VirtualHost<Action> = () => {
    throw new Error('nobody prepares virtual hosts');
  };

  constructor(names: HeaderNames) {
    this.names = names;
  }
}
