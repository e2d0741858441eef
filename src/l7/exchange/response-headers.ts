/** Envoy's headers of responses: who answered, how long it took, and when. */
import type { ArenaSlice, ArenaText } from '../message/arena-text.ts';
import type { DateLine } from '../message/date-line.ts';
import type { HeadChanges } from '../message/head-changes.ts';
import type { Head } from '../message/head.ts';
import { H } from '../message/header-names.ts';
import { literal, type WireText } from '../message/wire-text.ts';
import { Hides } from '../runtime/header-ops.ts';
import type { ServerName } from './origin.ts';

const TIME = literal('x-envoy-upstream-service-time: ');

/** Both lines, and the date. */
export const RESPONSE_HEADERS_ROOM = 192;

export const SERVER_LINES: Readonly<Record<ServerName, WireText>> = {
  envoy: literal('server: envoy\r\n'),
  'istio-envoy': literal('server: istio-envoy\r\n'),
};

export class ResponseHeaders {
  readonly #date: DateLine;
  readonly #texts: Readonly<Record<ServerName, ArenaSlice>>;

  constructor(date: DateLine, text: ArenaText) {
    this.#date = date;
    const slice = (server: ServerName): ArenaSlice => text.put(literal(`${SERVER_LINES[server]}${TIME}`));
    this.#texts = { envoy: slice('envoy'), 'istio-envoy': slice('istio-envoy') };
  }

  /** @param serviceTimeMs from the request to the head of the response. @param hides what the route's operations say themselves. */
  add(changes: HeadChanges, head: Head, server: ServerName, serviceTimeMs: number, hides: number): void {
    changes.removeName(head, H.server);
    changes.removeName(head, H['x-envoy-upstream-service-time']);
    changes.removeName(head, H['x-envoy-decorator-operation']);
    if ((hides & Hides.ServiceTime) !== 0) {
      changes.text(SERVER_LINES[server]);
    } else {
      const text = this.#texts[server];
      changes.copy(text.start, text.end);
      changes.integer(serviceTimeMs);
      changes.endLine();
    }
    if (!head.has(H.date) && (hides & Hides.Date) === 0) changes.bytes(this.#date.bytes);
  }
}
