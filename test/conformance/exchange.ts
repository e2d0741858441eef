/** What processes of a set say to each other: requests, what the client saw, and what the servers saw. The shape of the recorded answers. */

export type HeaderMap = Record<string, string | string[]>;

/** A group of a set's requests.json. */
export interface RequestGroup {
  readonly name: string;
  /** `[namespace/]pod`, or the value of a label `app`. */
  readonly from: string;
  readonly host?: string;
  readonly path?: string;
  readonly method?: string;
  readonly headers?: HeaderMap;
  readonly body?: string;
  readonly port?: number;
  /** Where to connect to, if not to `host`. */
  readonly to?: string;
  readonly count?: number;
  readonly parallel?: number;
  readonly interval_ms?: number;
  readonly wait_ms?: number;
  readonly timeout_s?: number;
  readonly jar?: boolean;
  readonly new_conn?: boolean;
  readonly proto?: 'h2c';
  /** Texts to send over TCP instead of a request. */
  readonly tcp?: readonly string[];
}

/** As the client gets it: with where to connect to. */
export type Asked = Omit<RequestGroup, 'from' | 'to' | 'port'> & { readonly ip: string; readonly dialled: number };

/** What the echo server saw of a request. */
export interface Arrival {
  readonly t: number;
  readonly pod: string;
  readonly id: string;
  readonly method: string;
  readonly uri: string;
  readonly host: string;
  /** As Go writes a version. */
  readonly proto: string;
  readonly headers: HeaderMap;
  readonly status?: number;
  readonly cancelled?: boolean;
  readonly reset?: boolean;
}

/** What the client saw. */
export interface Seen {
  readonly name: string;
  readonly i: number;
  readonly id: string;
  readonly status?: number;
  readonly ms?: number;
  readonly error?: string;
  readonly headers?: HeaderMap;
  readonly echo?: Arrival;
  /** Of what no echo server has answered. */
  readonly body?: string;
  /** Over TCP. */
  readonly received?: string;
}

/** One request, as it stands in recorded answers. */
export interface Try {
  readonly status?: number;
  readonly ms?: number;
  readonly headers?: HeaderMap;
  readonly body?: string;
  readonly received?: string;
  readonly backend?: string;
  readonly seen?: { readonly headers?: HeaderMap; readonly proto?: string };
  readonly arrivals?: readonly { readonly host?: string; readonly uri?: string; readonly method?: string }[];
  /** Lines of Istio's proxies: the client's, and by pod those of others on the way. */
  readonly client_log?: readonly ProxyLine[];
  readonly server_log?: Readonly<Record<string, readonly ProxyLine[]>>;
}

export interface ProxyLine {
  /** `outbound|80|v1|web.default.svc.cluster.local` */
  readonly cluster?: string;
}

export interface Result {
  readonly name: string;
  /** How often each `status|backend` came. */
  readonly summary: Readonly<Record<string, number>>;
  readonly tries?: readonly Try[];
  /** The first ones of very many. */
  readonly first?: readonly Try[];
}

/** Of a raw list of names and values: lower-case, several of one name as a list. */
export function headerMap(raw: readonly string[]): HeaderMap {
  const map: HeaderMap = {};
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = (raw[at] as string).toLowerCase();
    const value = raw[at + 1] as string;
    const known = map[name];
    map[name] = known === undefined ? value : [known, value].flat();
  }
  return map;
}
