/** CorsPolicy as Envoy's filter applies it: origins are compared as bytes, and what never changes is one piece of text. */
import type { CorsConfig } from '../config/route.ts';
import type { Head } from '../message/head.ts';
import { H } from '../message/header-names.ts';
import { fieldLine, join, literal, NOTHING, type WireText } from '../message/wire-text.ts';
import { BytesMatch } from '../routing/bytes-match.ts';

const ALLOW_ORIGIN = literal('access-control-allow-origin');
const ALLOW_CREDENTIALS = literal('access-control-allow-credentials: true\r\n');
const EXPOSE = literal('access-control-expose-headers');
const ALLOW_METHODS = literal('access-control-allow-methods');
const ALLOW_HEADERS = literal('access-control-allow-headers');
const MAX_AGE = literal('access-control-max-age');
const ANY = Buffer.from('*', 'latin1');

export class CorsPolicy {
  readonly forwardUnmatched: boolean;
  /** Names of headers that are the policy's alone, in responses to those whom it lets in. */
  readonly owned: ReadonlySet<string>;
  readonly ownedIds: readonly number[];
  readonly #any: boolean;
  readonly #origins: readonly BytesMatch[];
  readonly #config: CorsConfig;
  /** Of responses, without the origin. */
  readonly #constant: WireText;

  constructor(config: CorsConfig) {
    this.#config = config;
    this.forwardUnmatched = config.forwardUnmatched;
    this.#origins = config.allowOrigins.map((match) => new BytesMatch(match));
    this.#any = this.#origins.some((match) => match.matches(ANY, 0, 1));
    this.#constant = join(
      config.allowCredentials ? ALLOW_CREDENTIALS : NOTHING,
      config.exposeHeaders === '' ? NOTHING : fieldLine(EXPOSE, config.exposeHeaders),
    );
    const owned = new Set<string>([ALLOW_ORIGIN]);
    if (config.allowCredentials) owned.add('access-control-allow-credentials');
    if (config.exposeHeaders !== '') owned.add(EXPOSE);
    this.owned = owned;
    this.ownedIds = [...owned].map((name) => H[name as keyof typeof H]);
  }

  allows(head: Head, origin: number): boolean {
    if (this.#any) return true;
    const start = head.valueStart[origin] as number;
    const end = head.valueEnd[origin] as number;
    return this.#origins.some((match) => match.matches(head.bytes, start, end));
  }

  /** Lines of a response to a client whose origin is let in. */
  lines(origin: WireText): WireText {
    return join(fieldLine(ALLOW_ORIGIN, origin), this.#constant);
  }

  /** @param origin null: it is not let in. @param method, headers those that are asked for. */
  preflight(origin: WireText | null, method: WireText, headers: WireText): WireText {
    const { allowMethods, allowHeaders, maxAge, allowCredentials } = this.#config;
    return join(
      origin === null ? (allowCredentials ? ALLOW_CREDENTIALS : NOTHING) : this.lines(origin),
      allowMethods === '' ? NOTHING : fieldLine(ALLOW_METHODS, allowMethods === '*' ? method : allowMethods),
      allowHeaders === '' ? NOTHING : fieldLine(ALLOW_HEADERS, allowHeaders === '*' ? headers : allowHeaders),
      maxAge === '' ? NOTHING : fieldLine(MAX_AGE, maxAge),
    );
  }
}
