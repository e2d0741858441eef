/** Envoy's headers of responses: who answered, how long it took, and when. */
import type { ArenaSlice, ArenaText } from '../message/arena-text.ts';
import type { DateLine } from '../message/date-line.ts';
import type { FieldNumbers } from '../message/field-numbers.ts';
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

/** Service times up to this many milliseconds are known by number. */
const SHORT_TIMES = 32;

/** The line of the server and the beginning of that of the time, and the number of the former. */
interface ServerText extends ArenaSlice {
  readonly number: number;
}

export class ResponseHeaders {
  readonly #date: DateLine;
  readonly #texts: Readonly<Record<ServerName, ServerText>>;
  readonly #numbers: FieldNumbers;
  /** Of a service time of 0; the others follow. */
  readonly #time: number;
  #dated: Uint8Array = new Uint8Array(0);
  #dateNumber = 0;

  constructor(date: DateLine, text: ArenaText, numbers: FieldNumbers) {
    this.#date = date;
    this.#numbers = numbers;
    this.#time = numbers.take(SHORT_TIMES);
    const of = (server: ServerName): ServerText => ({ ...text.put(literal(`${SERVER_LINES[server]}${TIME}`)), number: numbers.take() });
    this.#texts = { envoy: of('envoy'), 'istio-envoy': of('istio-envoy') };
  }

  /** @param serviceTimeMs from the request to the head of the response. @param hides what the route's operations say themselves. */
  add(changes: HeadChanges, head: Head, server: ServerName, serviceTimeMs: number, hides: number): void {
    changes.removeName(head, H.server);
    changes.removeName(head, H['x-envoy-upstream-service-time']);
    changes.removeName(head, H['x-envoy-decorator-operation']);
    if ((hides & Hides.ServiceTime) !== 0) {
      changes.text(SERVER_LINES[server]);
    } else {
      this.#addServerAndTime(changes, server, Math.max(0, Math.floor(serviceTimeMs)));
    }
    if (!head.has(H.date) && (hides & Hides.Date) === 0) this.#addDate(changes);
  }

  #addServerAndTime(changes: HeadChanges, server: ServerName, ms: number): void {
    const text = this.#texts[server];
    const start = changes.cursor;
    const time = start + SERVER_LINES[server].length;
    changes.copy(text.start, text.end);
    changes.integer(ms);
    changes.endLine();
    changes.mark(start, time, text.number);
    if (ms < SHORT_TIMES) changes.mark(time, changes.cursor, this.#time + ms);
  }

  #addDate(changes: HeadChanges): void {
    const { bytes } = this.#date;
    if (bytes !== this.#dated) {
      this.#dated = bytes;
      this.#dateNumber = this.#numbers.take();
    }
    const start = changes.cursor;
    changes.bytes(bytes);
    changes.mark(start, changes.cursor, this.#dateNumber);
  }
}
