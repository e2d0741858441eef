/** Sends requests as an open loop, and says of each what came of it. */
import { Agent, request as httpRequest } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

export interface Call {
  readonly url: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface Reply {
  /** 0 when there was no response. */
  readonly status: number;
  /** Why there was none: ECONNREFUSED and the like. */
  readonly error: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly seconds: number;
  /** Milliseconds since 1970: comparable between processes. */
  readonly startedAt: number;
}

export interface Pace {
  readonly perSecond: number;
  /** Every request on a connection of its own. */
  readonly fresh?: boolean;
  readonly timeoutSeconds?: number;
  readonly onReply?: (reply: Reply) => void;
}

const DEFAULT_TIMEOUT_SECONDS = 60;

/** Requests start on time whether earlier ones were answered or not: who waits keeps nobody else from asking. */
export async function sendAll(calls: readonly Call[], pace: Pace): Promise<Reply[]> {
  const agent = new Agent({ keepAlive: pace.fresh !== true });
  const start = performance.now();
  const replies: Promise<Reply>[] = [];
  for (const [index, call] of calls.entries()) {
    const wait = start + (index * 1000) / pace.perSecond - performance.now();
    if (wait > 1) await delay(wait);
    replies.push(send(call, agent, pace));
  }
  const all = await Promise.all(replies);
  agent.destroy();
  return all;
}

export async function sendOne(call: Call, timeoutSeconds = DEFAULT_TIMEOUT_SECONDS): Promise<Reply> {
  const [reply] = await sendAll([call], { perSecond: 1, fresh: true, timeoutSeconds });
  return reply as Reply;
}

function send(call: Call, agent: Agent, { timeoutSeconds = DEFAULT_TIMEOUT_SECONDS, onReply }: Pace): Promise<Reply> {
  const startedAt = performance.timeOrigin + performance.now();
  return new Promise((resolve) => {
    const finish = (outcome: Pick<Reply, 'status' | 'error' | 'headers' | 'body'>): void => {
      const reply = { ...outcome, startedAt, seconds: (performance.timeOrigin + performance.now() - startedAt) / 1000 };
      onReply?.(reply);
      resolve(reply);
    };
    const failed = (error: Error): void => finish({ status: 0, error: codeOf(error), headers: {}, body: '' });
    const signal = AbortSignal.timeout(timeoutSeconds * 1000);
    const length = call.body === undefined ? {} : { 'content-length': String(Buffer.byteLength(call.body)) };
    const request = httpRequest(call.url, { method: call.method ?? 'GET', headers: { ...call.headers, ...length }, agent, signal });
    request.once('error', failed);
    request.once('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('error', failed);
      response.once('end', () => {
        const headers = Object.fromEntries(Object.entries(response.headers).map(([name, value]) => [name, String(value)]));
        finish({ status: response.statusCode ?? 0, error: '', headers, body: Buffer.concat(chunks).toString('utf8') });
      });
    });
    request.end(call.body);
  });
}

function codeOf(error: Error): string {
  return (error as NodeJS.ErrnoException).code ?? error.name;
}
