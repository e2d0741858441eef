/** Virtual hosts as a worker looks them up: by the request's authority, without strings and without allocation. */
import type { Head } from '../message/head.ts';
import type { HeaderNames } from '../message/header-names.ts';
import type { RouteConfig, RouteTableConfig } from '../snapshot.ts';
import { HostIndex } from './host-index.ts';
import { Route } from './route.ts';
import { VirtualHost } from './virtual-host.ts';

const DOT = 46;
const COLON = 58;
const BRACKET = 91;
const BRACKET_END = 93;

export class RouteTable<A> {
  readonly unknownHost: RouteTableConfig['unknownHost'];
  readonly #hosts: HostIndex<VirtualHost<A>>;

  /** @throws RangeError when the routes name more headers than `names` can hold. */
  constructor(config: RouteTableConfig, names: HeaderNames, actionOf: (route: RouteConfig) => A) {
    this.unknownHost = config.unknownHost;
    this.#hosts = new HostIndex(
      config.virtualHosts.flatMap((host) => {
        const routes = host.routes.map((route) => new Route(route, names, actionOf(route)));
        const virtualHost = new VirtualHost<A>(host.name, routes);
        return host.domains.map((domain) => [domain, virtualHost] as const);
      }),
    );
  }

  /** The virtual host of a request: case, port and a final dot do not matter. */
  find(head: Head): VirtualHost<A> | null {
    const { bytes } = head;
    let start = head.authorityStart;
    let end = head.authorityEnd;
    if (start < end && bytes[start] === BRACKET) {
      const close = bytes.indexOf(BRACKET_END, ++start);
      if (close >= 0 && close < end) end = close;
    } else {
      let p = start;
      while (p < end && bytes[p] !== COLON) p++;
      end = p;
      if (end > start + 1 && bytes[end - 1] === DOT) end--;
    }
    return this.#hosts.find(bytes, start, end);
  }
}
