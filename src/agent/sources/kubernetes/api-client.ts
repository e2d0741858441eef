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

  async #send({ path, query, accept }: ApiRequest, signal: AbortSignal): Promise<http.IncomingMessage> {
    // An exec plugin may hang as well as a server.
    const access = await Promise.race([this.#access.options(), rejectOnAbort(signal)]);
    const url = new URL(`${this.#access.server}${path}?${new URLSearchParams(query).toString()}`);
    const headers = { ...access.headers, Accept: accept, 'User-Agent': this.#userAgent };
    // A connection for each request: there are few, and nearly all of them are watches, which stay.
    const options = { agent: false as const, ...access, headers, signal };
    return new Promise((resolve, reject) => {
      const request = url.protocol === 'http:' ? http.request(url, options) : https.request(url, options);
      request.on('error', reject);
      request.on('response', resolve);
      request.on('socket', (socket) => socket.setKeepAlive(true, KEEP_ALIVE_MS));
      request.end();
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
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > MAX_STATUS_BYTES) break;
  }
  const seconds = Number(response.headers['retry-after'] ?? 0);
  const waitMs = seconds > 0 ? Math.min(seconds, MAX_RETRY_AFTER_S) * 1000 : 0;
  return failureOf(response.statusCode ?? 0, statusOf(Buffer.concat(chunks).toString('utf8')), waitMs);
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
