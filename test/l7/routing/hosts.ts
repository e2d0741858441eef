/** A table of virtual hosts as a request looks it up, without a runtime around it. */
import { Epoch } from '../../../src/base/epoch.ts';
import { HostIndex, HostTable } from '../../../src/l7/routing/host-index.ts';
import { Route } from '../../../src/l7/routing/route.ts';
import { RouteTable } from '../../../src/l7/routing/route-table.ts';
import { RouteList, VirtualHost } from '../../../src/l7/routing/virtual-host.ts';
import type { HeaderNames } from '../../../src/l7/message/header-names.ts';
import type { RouteConfig, VirtualHostConfig } from '../../../src/l7/config/route.ts';

export type HostConfig = Pick<VirtualHostConfig, 'name' | 'domains' | 'routes'>;

export function routeList<A>(name: string, routes: readonly Route<A>[]): RouteList<A> {
  const list = new RouteList<A>(name);
  for (const route of routes) list.add(route);
  return list;
}

export function tableOver<A>(hosts: readonly HostConfig[], names: HeaderNames, actionOf: (route: RouteConfig) => A): RouteTable<A> {
  const epoch = new Epoch();
  const index = new HostIndex<number>(epoch);
  const table = new HostTable<number>(2);
  const made: VirtualHost<A>[] = [];
  for (const { name, domains, routes } of hosts) {
    const list = routeList(
      name,
      routes.map((route) => new Route(route, names, actionOf(route))),
    );
    const host = new VirtualHost(name, list, epoch);
    const number = made.push(host) - 1;
    for (const domain of domains) index.set(table, domain, number);
  }
  return new RouteTable(index, { get: (number) => made[number] as VirtualHost<A> }, [table], true);
}
