/** Prepares virtual hosts: their routes are compiled, and their names lead to them. */
import { ChangingMap } from '../../base/changing-map.ts';
import { Epoch } from '../../base/epoch.ts';
import type { HeaderNames } from '../message/header-names.ts';
import { Route } from '../routing/route.ts';
import { RouteList, VirtualHost } from '../routing/virtual-host.ts';
import type { RouteConfig, VirtualHostConfig } from '../config/route.ts';
import { compileAction, type Action } from './actions.ts';
import type { Hosts, Layers } from './layers.ts';
import { Lease, type SlotRegistry } from './lease.ts';
import type { Later } from './later.ts';
import type { SharedStrings } from './shared-strings.ts';

const SHARDS = 64;

/** Where a host is found. Names are kept as one string: most are never looked at again. */
interface Place {
  readonly host: VirtualHost<Action>;
  readonly layer: string;
  readonly port: number;
  readonly domains: string;
  readonly namespace: string | null;
  readonly localDomains: string;
}

/** A host of which more routes may follow. */
interface Open {
  readonly id: string;
  readonly config: VirtualHostConfig;
  readonly list: RouteList<Action>;
  readonly lease: Lease;
}

export class HostStaging {
  readonly #names: HeaderNames;
  readonly #layers: Layers;
  readonly #registry: SlotRegistry;
  readonly #later: Later;
  readonly #epoch: Epoch;
  readonly #strings: SharedStrings;
  /** By record; not seen by requests. */
  readonly #known = new ChangingMap<string, Place>(new Epoch(), SHARDS);
  #open: Open | null = null;

  constructor(names: HeaderNames, layers: Layers, epoch: Epoch, registry: SlotRegistry, later: Later, strings: SharedStrings) {
    this.#names = names;
    this.#layers = layers;
    this.#epoch = epoch;
    this.#registry = registry;
    this.#later = later;
    this.#strings = strings;
  }

  /** The host of which more routes may follow; empty without one. */
  get openId(): string {
    return this.#open?.id ?? '';
  }

  /** @throws when the record cannot be prepared; nothing has changed then. */
  set(id: string, config: VirtualHostConfig): void {
    this.close();
    const lease = new Lease(this.#names, this.#registry);
    this.#open = { id, config, list: new RouteList(config.name, lease), lease };
    this.addRoutes(config.routes);
  }

  /** More routes for the host that was set last. */
  addRoutes(routes: readonly RouteConfig[]): void {
    const open = this.#open;
    if (open === null) return;
    try {
      for (const route of routes) open.list.add(new Route(route, open.lease, compileAction(route, open.lease)));
    } catch (error) {
      this.#open = null;
      open.list.dispose();
      throw new Error(`virtual host ${open.id}: ${(error as Error).message}`, { cause: error });
    }
  }

  /** The host that was set last has all its routes. */
  close(): void {
    const open = this.#open;
    if (open === null) return;
    this.#open = null;
    const { id, config, list, lease } = open;
    list.seal();
    lease.seal();
    const known = this.#known.get(id);
    const host = known?.host ?? new VirtualHost(id, list, this.#epoch);
    const place = this.#placeOf(host, config);
    if (known !== undefined) {
      if (host.replace(list)) this.#later.settle(host);
      if (samePlace(known, place)) return;
      this.#unname(known);
    }
    this.#known.stage(id, place);
    this.#eachName(place, (hosts, domain) => this.#later.settleIf(this.#layers.index, this.#layers.index.set(hosts, domain, host)));
  }

  remove(id: string): void {
    this.close();
    const known = this.#known.get(id);
    if (known === undefined) return;
    this.#known.stage(id, undefined);
    this.#unname(known);
    this.#later.run(() => known.host.dispose());
  }

  #placeOf(host: VirtualHost<Action>, { layer, port, domains, local }: VirtualHostConfig): Place {
    const namespace = local === null || local.domains.length === 0 ? null : this.#strings.share(local.namespace);
    const localDomains = local?.domains.join('\n') ?? '';
    return { host, layer: this.#strings.share(layer), port, domains: domains.join('\n'), namespace, localDomains };
  }

  #unname(known: Place): void {
    this.#eachName(known, (hosts, domain) =>
      this.#later.settleIf(this.#layers.index, this.#layers.index.remove(hosts, domain, known.host)),
    );
  }

  #eachName({ layer, port, domains, namespace, localDomains }: Place, visit: (hosts: Hosts, domain: string) => void): void {
    const hosts = this.#layers.hosts(layer, port, null);
    for (const domain of domains.split('\n')) if (domain !== '') visit(hosts, domain);
    if (namespace === null) return;
    const own = this.#layers.hosts(layer, port, namespace);
    for (const domain of localDomains.split('\n')) visit(own, domain);
  }
}

function samePlace(a: Place, b: Place): boolean {
  return (
    a.layer === b.layer && a.port === b.port && a.domains === b.domains && a.namespace === b.namespace && a.localDomains === b.localDomains
  );
}
