/**
 * The workers' series as text, in Prometheus' format 0.0.4 or in OpenMetrics 1.0: in chunks, so that a hundred thousand lines neither
 * become one string nor keep the control thread from everything else. What repeats in every line is bytes that are copied. All chunks
 * are one buffer: a new one for each would have V8 collect garbage on all cores, for longer than the text takes to write.
 */
import { BUCKETS } from '../../l7/record/stats.ts';
import type { BucketExemplar, LabelText, Series } from './series-table.ts';

export type ExpositionFormat = 'prometheus' | 'openmetrics';

/** What the engine's metrics mean. */
export const HELP: Readonly<Record<string, string>> = {
  istio_requests_total: 'Requests, by who sent them, who served them and how they ended.',
  istio_request_messages_total: 'Messages of gRPC that clients have sent.',
  istio_response_messages_total: 'Messages of gRPC that servers have sent.',
  istio_request_duration_milliseconds: 'Time from the first byte of a request to the last byte of its response.',
  istio_request_bytes: "Bytes of a request on its client's wire, head and body.",
  istio_response_bytes: "Bytes of a response on its client's wire, head and body.",
  istio_tcp_connections_opened_total: 'Connections opened that were passed through as bytes.',
  istio_tcp_connections_closed_total: 'Connections closed that were passed through as bytes.',
  istio_tcp_sent_bytes_total: 'Bytes sent to clients of connections that were passed through.',
  istio_tcp_received_bytes_total: 'Bytes received from clients of connections that were passed through.',
  nodeway_downstream_connections: 'Open connections of clients.',
  nodeway_downstream_connections_total: 'Connections of clients.',
  nodeway_upstream_connections: 'Open connections to servers.',
  nodeway_upstream_connections_total: 'Connections to servers.',
  nodeway_upstream_requests_waiting: "Requests that wait for a connection because of their client's limits.",
  nodeway_tunnels: 'Connections that are passed through as bytes now.',
  nodeway_pod_requests_total: 'Requests by pod of this node: as a client, as a server, and received in the pass of a caller of this node.',
  nodeway_retries_total: "Further attempts by a route's retries.",
  nodeway_ejections_total: 'Endpoints that a client does not use for a while because of errors, by cluster and cause.',
  nodeway_ejections_ended_total: 'Endpoints that a client uses again after an ejection.',
  nodeway_ejections_refused_total: 'Endpoints that were not ejected because too many of their cluster are.',
  nodeway_mirrored_requests_total: 'Copies of requests, sent by a mirror.',
  nodeway_injected_faults_total: 'Faults that routes asked for, by what was done to the request.',
  nodeway_stale_connection_retries_total: 'Requests that were sent again because a kept connection had been closed.',
  nodeway_overflows_total: 'Requests and connections that were refused because a limit of connectionPool was reached, by limit.',
  nodeway_series_overflow_total: 'What had no series of its own and was counted under labels that say overflow, by what was full.',
  nodeway_spans_dropped_total: 'Spans of traced requests that were not exported, by who had no room for them.',
  nodeway_worker_faults_total: 'Exceptions that ended one exchange or connection.',
  nodeway_refused_connections_total: 'Connections that the engine refused or gave up, by reason.',
};

/** A fraction of a millisecond of work. */
const CHUNK = 256 * 1024;
/** Of what a line has besides its name and labels: bound, value, exemplar. */
const LINE_ROOM = 192;
const BOUNDS = BUCKETS.map((bound) => Buffer.from(`le="${bound}"} `));
const INFINITE = Buffer.from('le="+Inf"} ');
const COMMA = 0x2c;
const BRACE = 0x7b;
const ZERO = 0x30;
/** Integers of more digits are rare enough for a string. */
const MOST_DIGITS_VALUE = 1e9;
const LINE_END = 0x0a;
const CLOSE = Buffer.from('} ');
const SPACE = Buffer.from(' ');

/** A chunk is there until the next one is asked for. */
export function* renderSeries(
  families: ReadonlyMap<string, ReadonlyMap<LabelText, Series>>,
  format: ExpositionFormat = 'prometheus',
): Generator<Buffer> {
  const writer = new Writer();
  for (const [name, family] of families) {
    let text: FamilyText | null = null;
    for (const series of family.values()) {
      text ??= writer.family(name, series.kind, format);
      writer.series(series, text, format === 'openmetrics');
      if (writer.full) yield writer.take();
    }
  }
  if (!writer.empty) yield writer.take();
}

/** What each line of a family begins with. */
interface FamilyText {
  readonly name: Buffer;
  readonly bucket: Buffer;
  readonly sum: Buffer;
  readonly count: Buffer;
}

class Writer {
  #chunk = Buffer.allocUnsafe(CHUNK + CHUNK / 4);
  #at = 0;

  get full(): boolean {
    return this.#at >= CHUNK;
  }

  get empty(): boolean {
    return this.#at === 0;
  }

  /** What was written; the next bytes are written over it. */
  take(): Buffer {
    const written = this.#chunk.subarray(0, this.#at);
    this.#at = 0;
    return written;
  }

  family(name: string, kind: Series['kind'], format: ExpositionFormat): FamilyText {
    // In OpenMetrics the family of a counter is named without its suffix.
    const family = format === 'openmetrics' && kind === 'counter' ? name.replace(/_total$/, '') : name;
    const help = HELP[name];
    if (help !== undefined) this.#bytes(Buffer.from(`# HELP ${family} ${help}\n`));
    this.#bytes(Buffer.from(`# TYPE ${family} ${kind}\n`));
    const [own, bucket, sum, count] = ['', '_bucket', '_sum', '_count'].map((suffix) => Buffer.from(name + suffix)) as [
      Buffer,
      Buffer,
      Buffer,
      Buffer,
    ];
    return { name: own, bucket, sum, count };
  }

  /** @param traced with the traces of some of its requests (OpenMetrics 1.0, Exemplars). */
  series(series: Series, text: FamilyText, traced: boolean): void {
    this.#reserve(series);
    if (series.kind === 'histogram') this.#histogram(series, text, traced ? series.exemplars : null);
    else this.#line(text.name, series.labels.bytes, series.value(0));
  }

  #histogram(series: Series, text: FamilyText, exemplars: Series['exemplars']): void {
    const labels = series.labels.bytes;
    const start = this.#at;
    this.#bytes(text.bucket);
    this.#byte(BRACE);
    this.#bytes(labels);
    if (labels.length > 0) this.#byte(COMMA);
    const end = this.#at;
    let count = 0;
    for (let i = 0; i <= BUCKETS.length; i++) {
      count += series.value(i);
      if (i > 0) this.#again(start, end);
      this.#bytes(BOUNDS[i] ?? INFINITE);
      const exemplar = exemplars?.[i];
      if (exemplar === undefined) this.#number(count);
      else this.#exemplar(count, exemplar);
    }
    this.#line(text.sum, labels, series.value(BUCKETS.length + 1));
    this.#line(text.count, labels, count);
  }

  #line(name: Buffer, labels: Buffer, value: number): void {
    this.#bytes(name);
    if (labels.length > 0) {
      this.#byte(BRACE);
      this.#bytes(labels);
      this.#bytes(CLOSE);
    } else this.#bytes(SPACE);
    this.#number(value);
  }

  #exemplar(count: number, { traceId, value, at }: BucketExemplar): void {
    this.#at += this.#chunk.write(`${count} # {trace_id="${traceId}"} ${value} ${at / 1000}\n`, this.#at, 'latin1');
  }

  /** Labels may be long: a chunk has room for the whole series. */
  #reserve({ labels, name }: Series): void {
    const most = (BUCKETS.length + 4) * (labels.bytes.length + name.length + LINE_ROOM);
    if (this.#at + most <= this.#chunk.length) return;
    const larger = Buffer.allocUnsafe(2 * (this.#at + most));
    this.#chunk.copy(larger, 0, 0, this.#at);
    this.#chunk = larger;
  }

  #byte(byte: number): void {
    this.#chunk[this.#at++] = byte;
  }

  #bytes(bytes: Buffer): void {
    this.#chunk.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  /** What stands there in this chunk already. */
  #again(start: number, end: number): void {
    this.#chunk.copyWithin(this.#at, start, end);
    this.#at += end - start;
  }

  /** And the end of the line. */
  #number(value: number): void {
    if (value >= 0 && value < MOST_DIGITS_VALUE && Number.isInteger(value)) this.#digits(value);
    else this.#at += this.#chunk.write(String(value), this.#at, 'latin1');
    this.#byte(LINE_END);
  }

  #digits(value: number): void {
    let places = 1;
    for (let above = 10; above <= value; above *= 10) places++;
    this.#at += places;
    for (let rest = value, at = this.#at; places > 0; places--) {
      const tens = Math.trunc(rest / 10);
      this.#chunk[--at] = ZERO + (rest - tens * 10);
      rest = tens;
    }
  }
}
