/** Requests to the API server over HTTP/1.1, each with a limit for how long the server may be silent. Retries are the caller's. */
import * as http from 'node:http';
import * as https from 'node:https';
import type { Clock } from '../../../base/clock.ts';
import { messageOf } from '../../../base/errors.ts';
import type { ApiAccess } from './access.ts';
import { ApiFailure, failureOf, type Status } from './failure.ts';
import { Silence } from './silence.ts';

/** For credentials, the connection and the head of the answer. */
const ANSWER_MS = 30_000;
/** The kernel asks a silent peer whether it is there: libuv sends up to ten probes, a second apart. */
const KEEP_ALIVE_MS = 15_000;
const MAX_STATUS_BYTES = 64 * 1024;
/** One object, as it comes back from a change. */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;
const MAX_RETRY_AFTER_S = 60;

export interface ApiRequest {
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly accept: string;
  /** How long nothing may come once the answer has begun. */
  readonly silenceMs: number;
  /** Of the body, as they come. */
  readonly onBytes: (bytes: number) => void;
}

/** A request that is answered at once, with JSON. */
export interface ApiCall {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH';
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly contentType?: string;
}

export interface ApiAnswer {
  readonly status: number;
  /** An object of the API, or a Status. */
  readonly body: unknown;
  readonly retryAfterMs: number;
}

export class ApiClient {
  readonly #access: ApiAccess;
  readonly #clock: Clock;
  readonly #userAgent: string;

  constructor(access: ApiAccess, clock: Clock, userAgent: string) {
    this.#access = access;
    this.#clock = clock;
    this.#userAgent = userAgent;
  }

  get server(): string {
    return this.#access.server;
  }

  /** The server has refused the credentials. */
  renewCredentials(): void {
    this.#access.renew();
  }

  /** The body of an answer with status 200, as it comes. Throws ApiFailure, here or while the body is read. */
  async get(request: ApiRequest, stop: AbortSignal): Promise<AsyncIterable<Buffer>> {
    const silence = new Silence(this.#clock, ANSWER_MS);
    const signal = AbortSignal.any([stop, silence.signal]);
    try {
      const response = await this.#send(request, signal);
      silence.broken();
      if (response.statusCode !== 200) throw await refusal(response);
      silence.broken(request.silenceMs);
      return bodyOf(response, request.onBytes, silence, signal);
    } catch (error) {
      silence.end();
      throw asFailure(error, signal);
    }
  }

  /** Whatever the status of the answer; credentials that are refused are renewed once. Throws ApiFailure where there is no answer. */
  async call(call: ApiCall, stop: AbortSignal): Promise<ApiAnswer> {
    const answer = await this.#callOnce(call, stop);
    if (answer.status !== 401) return answer;
    this.renewCredentials();
    return this.#callOnce(call, stop);
  }

  async #callOnce({ method, path, query = {}, body, contentType = 'application/json' }: ApiCall, stop: AbortSignal): Promise<ApiAnswer> {
    const silence = new Silence(this.#clock, ANSWER_MS);
    const signal = AbortSignal.any([stop, silence.signal]);
    try {
      const content = body === undefined ? undefined : { method, type: contentType, text: JSON.stringify(body) };
      const response = await this.#send({ path, query, accept: 'application/json' }, signal, content ?? { method });
      const text = await textOf(response, MAX_ANSWER_BYTES);
      return { status: response.statusCode ?? 0, body: statusOf(text), retryAfterMs: retryAfter(response) };
    } catch (error) {
      throw asFailure(error, signal);
    } finally {
      silence.end();
    }
  }

  async #send(
    { path, query, accept }: Pick<ApiRequest, 'path' | 'query' | 'accept'>,
    signal: AbortSignal,
    content: { readonly method: string; readonly type?: string; readonly text?: string } = { method: 'GET' },
  ): Promise<http.IncomingMessage> {
    // An exec plugin may hang as well as a server.
    const access = await Promise.race([this.#access.options(), rejectOnAbort(signal)]);
    const url = new URL(`${this.#access.server}${path}?${new URLSearchParams(query).toString()}`);
    const type = content.type === undefined ? {} : { 'Content-Type': content.type };
    const headers = { ...access.headers, ...type, Accept: accept, 'User-Agent': this.#userAgent };
    // A connection for each request: there are few, and nearly all of them are watches, which stay.
    const options = { agent: false as const, ...access, method: content.method, headers, signal };
    return new Promise((resolve, reject) => {
      const request = url.protocol === 'http:' ? http.request(url, options) : https.request(url, options);
      request.on('error', reject);
      request.on('response', resolve);
      request.on('socket', (socket) => socket.setKeepAlive(true, KEEP_ALIVE_MS));
      request.end(content.text);
    });
  }
}

async function* bodyOf(
  response: http.IncomingMessage,
  onBytes: ApiRequest['onBytes'],
  silence: Silence,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      silence.broken();
      onBytes(chunk.length);
      yield chunk;
    }
  } catch (error) {
    throw asFailure(error, signal);
  } finally {
    silence.end();
    response.destroy();
  }
}

async function refusal(response: http.IncomingMessage): Promise<ApiFailure> {
  const text = await textOf(response, MAX_STATUS_BYTES);
  return failureOf(response.statusCode ?? 0, statusOf(text), retryAfter(response));
}

/** What is longer is cut off. */
async function textOf(response: http.IncomingMessage, longest: number): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > longest) break;
  }
  return Buffer.concat(chunks).toString('utf8');
}

function retryAfter(response: http.IncomingMessage): number {
  const seconds = Number(response.headers['retry-after'] ?? 0);
  return seconds > 0 ? Math.min(seconds, MAX_RETRY_AFTER_S) * 1000 : 0;
}

/** Proxies on the way answer with pages of their own. */
function statusOf(text: string): Status {
  try {
    const status: unknown = JSON.parse(text);
    return typeof status === 'object' && status !== null ? status : {};
  } catch {
    return {};
  }
}

function rejectOnAbort(signal: AbortSignal): Promise<never> {
  const reject = Promise.withResolvers<never>();
  signal.addEventListener('abort', () => reject.reject(signal.reason), { once: true });
  return reject.promise;
}

/** The abort of a request hides why it was aborted. */
function asFailure(error: unknown, signal: AbortSignal): ApiFailure {
  const cause: unknown = signal.aborted ? signal.reason : error;
  return cause instanceof ApiFailure ? cause : new ApiFailure('unreachable', messageOf(cause));
}
