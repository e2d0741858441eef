/** Prepares virtual hosts: their routes are compiled, and their names lead to them. */
import { ChangingMap } from '../../base/changing-map.ts';
import { Epoch } from '../../base/epoch.ts';
import { Route } from '../routing/route.ts';
import { RouteList, VirtualHost } from '../routing/virtual-host.ts';
import type { RouteConfig, VirtualHostConfig } from '../config/route.ts';
import { compileAction, type Action } from './actions.ts';
import type { Contents } from './contents.ts';
import type { Names } from './layers.ts';
import { Lease, type SlotRegistry } from './lease.ts';
import type { Later } from './later.ts';
import { LAST_NAME, type PackedVirtualHost } from '../packed/record-form.ts';
import { RecordTable } from './record-table.ts';
import type { SharedStrings } from './shared-strings.ts';

const SHARDS = 64;

/** Where a host is found. */
interface Place {
  readonly layer: string;
  readonly port: number;
  readonly domains: readonly string[];
  readonly local: VirtualHostConfig['local'];
}

/** Of a packed host: what is read of all of them. */
type PackedPlace = Place & Pick<PackedVirtualHost, 'headerNames'>;

/** A host that is prepared ahead. Names are kept as one string: most are never looked at again. */
interface Heavy {
  readonly host: VirtualHost<Action>;
  readonly number: number;
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
  readonly #contents: Contents;
  readonly #registry: SlotRegistry;
  readonly #later: Later;
  readonly #strings: SharedStrings;
  readonly #onFault: (id: string, error: unknown) => void;
  readonly #packed: RecordTable;
  /** By record, those that are not packed; not seen by requests. */
  readonly #heavy = new ChangingMap<string, Heavy>(new Epoch(), SHARDS);
  #open: Open | null = null;

  constructor(
    contents: Contents,
    registry: SlotRegistry,
    later: Later,
    strings: SharedStrings,
    onFault: (id: string, error: unknown) => void,
  ) {
    this.#contents = contents;
    this.#registry = registry;
    this.#later = later;
    this.#strings = strings;
    this.#onFault = onFault;
    this.#packed = new RecordTable(contents.memory, contents.epoch);
    contents.makeHost = (number) => this.#make(number);
  }

  /** The host of which more routes may follow; empty without one. */
  get openId(): string {
    return this.#open?.id ?? '';
  }

  /** @param place of its packed record. */
  setPacked(place: number): void {
    this.close();
    const { memory, hosts } = this.#contents;
    const id = memory.key(place);
    this.#removeHeavy(id);
    const known = this.#packed.find(id);
    const before = known < 0 ? null : this.#placeAt(this.#packed.upcoming(known));
    const number = known < 0 ? this.#packed.add(id) : known;
    const host = hosts.made(number);
    if (host?.replace(this.#listAt(place)) === true) this.#later.settle(host);
    this.#later.settleIf(this.#packed, this.#packed.stage(number, place));
    const after = this.#placeAt(place) as PackedPlace;
    this.#knowHeaders(before, after);
    if (before !== null && sameNames(before, after)) return;
    if (before !== null) this.#unname(number, before);
    this.#name(number, after);
  }

  /** The host of a packed record as readers see it; what is on its way is staged. */
  #make(number: number): VirtualHost<Action> {
    const { memory, epoch } = this.#contents;
    const [now, next] = [this.#packed.current(number), this.#packed.upcoming(number)];
    const host = new VirtualHost(memory.key(now), this.#listAt(now), epoch);
    const changes = !epoch.committed && next !== 0 && next !== now;
    if (changes && host.replace(this.#listAt(next))) this.#later.settle(host);
    return host;
  }

  /** The routes of a packed record. What is light does not throw; if it does nevertheless, there are none. */
  #listAt(place: number): RouteList<Action> {
    const { memory, names } = this.#contents;
    const lease = new Lease(names, this.#registry);
    try {
      const { name, routes } = memory.read(place) as VirtualHostConfig;
      const list = new RouteList<Action>(name, lease);
      for (const route of routes) list.add(new Route(route, lease, compileAction(route, lease)));
      list.seal();
      lease.seal();
      return list;
    } catch (error) {
      lease.release();
      this.#onFault(memory.key(place), error);
      return new RouteList<Action>('');
    }
  }

  /** Null: there is no record. */
  #placeAt(place: number): PackedPlace | null {
    return place === 0 ? null : (this.#contents.memory.read(place, LAST_NAME) as PackedVirtualHost);
  }

  /** Heads are read with the names of headers that packed hosts ask for, whether their objects are made or not. */
  #knowHeaders(before: PackedPlace | null, after: PackedPlace | null): void {
    const { names } = this.#contents;
    for (const name of after?.headerNames ?? []) names.intern(name);
    const left = before?.headerNames;
    if (left !== undefined) this.#later.run(() => left.forEach((name) => names.releaseName(name)));
  }

  /** @throws when the record cannot be prepared; nothing has changed then. */
  set(id: string, config: VirtualHostConfig): void {
    this.close();
    const lease = new Lease(this.#contents.names, this.#registry);
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
    this.#removePacked(id);
    const known = this.#heavy.get(id);
    const host = known?.host ?? new VirtualHost(id, list, this.#contents.epoch);
    const heavy = this.#heavyOf(host, known?.number ?? this.#contents.hosts.addHeavy(host), config);
    if (known !== undefined) {
      if (host.replace(list)) this.#later.settle(host);
      if (sameHeavy(known, heavy)) return;
      this.#unname(known.number, placeOf(known));
    }
    this.#heavy.stage(id, heavy);
    this.#name(heavy.number, config);
  }

  remove(id: string): void {
    this.close();
    this.#removeHeavy(id);
    this.#removePacked(id);
  }

  #removeHeavy(id: string): void {
    const known = this.#heavy.get(id);
    if (known === undefined) return;
    this.#heavy.stage(id, undefined);
    this.#unname(known.number, placeOf(known));
    this.#later.run(() => this.#contents.hosts.drop(known.number));
  }

  #removePacked(id: string): void {
    const number = this.#packed.find(id);
    const before = number < 0 ? null : this.#placeAt(this.#packed.upcoming(number));
    if (before === null) return;
    this.#knowHeaders(before, null);
    this.#unname(number, before);
    this.#later.run(() => this.#contents.hosts.drop(number));
    this.#later.settleIf(this.#packed, this.#packed.stage(number, 0));
  }

  #heavyOf(host: VirtualHost<Action>, number: number, { layer, port, domains, local }: VirtualHostConfig): Heavy {
    const namespace = local === null || local.domains.length === 0 ? null : this.#strings.share(local.namespace);
    const localDomains = local?.domains.join('\n') ?? '';
    return { host, number, layer: this.#strings.share(layer), port, domains: domains.join('\n'), namespace, localDomains };
  }

  #name(number: number, place: Place): void {
    const { index } = this.#contents.layers;
    this.#eachName(place, (hosts, domain) => this.#later.settleIf(index, index.set(hosts, domain, number)));
  }

  /** Names that another host has taken over stay with that. */
  #unname(number: number, place: Place): void {
    const { index } = this.#contents.layers;
    this.#eachName(place, (hosts, domain) => this.#later.settleIf(index, index.remove(hosts, domain, number)));
  }

  #eachName({ layer, port, domains, local }: Place, visit: (hosts: Names, domain: string) => void): void {
    const { layers } = this.#contents;
    const hosts = layers.hosts(layer, port, null);
    for (const domain of domains) visit(hosts, domain);
    if (local === null || local.domains.length === 0) return;
    const own = layers.hosts(layer, port, local.namespace);
    for (const domain of local.domains) visit(own, domain);
  }
}

function placeOf({ layer, port, domains, namespace, localDomains }: Heavy): Place {
  const local = namespace === null ? null : { namespace, domains: localDomains.split('\n') };
  return { layer, port, domains: domains === '' ? [] : domains.split('\n'), local };
}

function sameNames(a: Place, b: Place): boolean {
  return a.layer === b.layer && a.port === b.port && sameList(a.domains, b.domains) && sameLocal(a.local, b.local);
}

function sameLocal(a: Place['local'], b: Place['local']): boolean {
  return a === null || b === null ? a === b : a.namespace === b.namespace && sameList(a.domains, b.domains);
}

const sameList = (a: readonly string[], b: readonly string[]): boolean => a.length === b.length && a.every((name, i) => name === b[i]);

function sameHeavy(a: Heavy, b: Heavy): boolean {
  return (
    a.layer === b.layer && a.port === b.port && a.domains === b.domains && a.namespace === b.namespace && a.localDomains === b.localDomains
  );
}
