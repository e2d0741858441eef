/**
 * A service of bytes on grpc-js, and a client that asks one of everything (echo_grpcio.py is the same in Python, so that both can be crossed):
 * `server PORT`, `client HOST PORT`. The client prints a line for each case and fails with the first that is wrong.
 */
import { deepStrictEqual, equal, ok } from 'node:assert/strict';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import * as grpc from '@grpc/grpc-js';

const SERVICE = '/nodeway.peers.Echo';
const LONG_MS = 30_000;
const DEADLINE_MS = 300;
const DETAIL = Buffer.from([0, 1, 254, 255]);
const MESSAGE = 'not now: ü % 100%';
const TIMED_OUT = 'upstream request timeout';

const asIs = (bytes: Buffer): Buffer => bytes;
const method = (name: string, requestStream: boolean, responseStream: boolean): grpc.MethodDefinition<Buffer, Buffer> => ({
  path: `${SERVICE}/${name}`,
  requestStream,
  responseStream,
  requestSerialize: asIs,
  requestDeserialize: asIs,
  responseSerialize: asIs,
  responseDeserialize: asIs,
});
const METHODS = {
  Unary: method('Unary', false, false),
  Download: method('Download', false, true),
  Upload: method('Upload', true, false),
  Both: method('Both', true, true),
  Fail: method('Fail', false, false),
  Wait: method('Wait', false, false),
  Cancelled: method('Cancelled', false, false),
  Metadata: method('Metadata', false, false),
};

function serve(port: number): void {
  let cancelled = 0;
  const server = new grpc.Server();
  server.addService(METHODS, {
    Unary: (call: grpc.ServerUnaryCall<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) => done(null, call.request),
    Download: (call: grpc.ServerWritableStream<Buffer, Buffer>) => {
      for (let index = 0; index < Number(call.request.toString()); index++) call.write(Buffer.from(String(index)));
      call.end();
    },
    Upload: (call: grpc.ServerReadableStream<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) => {
      let [messages, bytes] = [0, 0];
      call.on('data', (message: Buffer) => {
        messages++;
        bytes += message.length;
      });
      call.on('end', () => done(null, Buffer.from(`${messages} ${bytes}`)));
    },
    Both: (call: grpc.ServerDuplexStream<Buffer, Buffer>) =>
      void call.on('data', (message) => call.write(message)).on('end', () => call.end()),
    Fail: (_call: grpc.ServerUnaryCall<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) => {
      const metadata = new grpc.Metadata();
      metadata.set('detail-bin', DETAIL);
      done({ code: grpc.status.FAILED_PRECONDITION, details: MESSAGE, metadata });
    },
    Wait: (call: grpc.ServerUnaryCall<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) => {
      const late = setTimeout(() => done(null, call.request), LONG_MS);
      call.on('cancelled', () => {
        cancelled++;
        clearTimeout(late);
      });
    },
    Cancelled: (_call: grpc.ServerUnaryCall<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) =>
      done(null, Buffer.from(String(cancelled))),
    Metadata: (call: grpc.ServerUnaryCall<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) => {
      const [back, trailer] = [new grpc.Metadata(), new grpc.Metadata()];
      for (const name of ['plain', 'bytes-bin']) for (const value of call.metadata.get(name)) back.add(name, value);
      trailer.set('end', 'reached');
      call.sendMetadata(back);
      done(null, call.request, trailer);
    },
  });
  server.bindAsync(`0.0.0.0:${port}`, grpc.ServerCredentials.createInsecure(), (error) => {
    if (error !== null) throw error;
  });
}

class Client {
  readonly #client: grpc.Client;

  constructor(target: string) {
    this.#client = new grpc.Client(target, grpc.credentials.createInsecure());
  }

  /** The answer, or the failure. */
  call(
    name: string,
    request: string | Buffer,
    options: grpc.CallOptions = {},
    begun?: (call: grpc.ClientUnaryCall) => void,
  ): Promise<Answer> {
    return new Promise((resolve) => {
      let headers = new grpc.Metadata();
      let trailers = new grpc.Metadata();
      let result: { error: grpc.ServiceError | null; bytes: Buffer | undefined } | null = null;
      const metadata = new grpc.Metadata();
      metadata.set('plain', 'text');
      metadata.set('bytes-bin', DETAIL);
      const call = this.#client.makeUnaryRequest(
        `${SERVICE}/${name}`,
        asIs,
        asIs,
        Buffer.from(request),
        metadata,
        options,
        (error, bytes) => {
          result = { error, bytes };
        },
      );
      call.on('metadata', (given: grpc.Metadata) => (headers = given));
      call.on('status', (status: grpc.StatusObject) => {
        trailers = status.metadata;
        setImmediate(() =>
          resolve({ code: status.code, details: status.details, bytes: result?.bytes ?? Buffer.alloc(0), headers, trailers }),
        );
      });
      begun?.(call);
    });
  }

  download(count: number): Promise<string[]> {
    return collected(this.#client.makeServerStreamRequest(`${SERVICE}/Download`, asIs, asIs, Buffer.from(String(count))));
  }

  async upload(messages: number, bytes: number): Promise<string> {
    return new Promise((resolve, reject) => {
      const call = this.#client.makeClientStreamRequest(`${SERVICE}/Upload`, asIs, asIs, (error, answer) => {
        if (error !== null) reject(error);
        else resolve(answer?.toString() ?? '');
      });
      void (async () => {
        for (let index = 0; index < messages; index++) if (!call.write(Buffer.alloc(bytes))) await once(call, 'drain');
        call.end();
      })();
    });
  }

  async pingPong(rounds: number): Promise<number> {
    const call = this.#client.makeBidiStreamRequest(`${SERVICE}/Both`, asIs, asIs);
    let answered = 0;
    for (let round = 0; round < rounds; round++) {
      call.write(Buffer.from(`round ${round}`));
      const [message] = (await once(call, 'data')) as [Buffer];
      if (message.toString() === `round ${round}`) answered++;
    }
    call.end();
    await once(call, 'end');
    return answered;
  }
}

interface Answer {
  readonly code: number;
  readonly details: string;
  readonly bytes: Buffer;
  readonly headers: grpc.Metadata;
  readonly trailers: grpc.Metadata;
}

async function collected(stream: AsyncIterable<Buffer>): Promise<string[]> {
  const messages: string[] = [];
  for await (const message of stream) messages.push(message.toString());
  return messages;
}

async function ask(host: string, port: string): Promise<void> {
  const client = new Client(`${host}:${port}`);
  const noticed = async (): Promise<number> => Number((await client.call('Cancelled', '')).bytes.toString());
  const noticedBy = async (count: number): Promise<void> => {
    while ((await noticed()) < count) await sleep(50);
  };
  const cases: Readonly<Record<string, () => Promise<void>>> = {
    'unary calls of any size': async () => {
      for (const size of [0, 1, 70_000, 3_000_000]) equal((await client.call('Unary', Buffer.alloc(size, 'a'))).bytes.length, size);
    },
    'a thousand messages from the server': async () =>
      deepStrictEqual(
        await client.download(1000),
        Array.from({ length: 1000 }, (_, i) => String(i)),
      ),
    'a thousand messages to the server': async () => equal(await client.upload(1000, 1000), '1000 1000000'),
    'messages in turn': async () => equal(await client.pingPong(100), 100),
    'an error with its message and metadata': async () => {
      const { code, details, trailers } = await client.call('Fail', '');
      deepStrictEqual([code, details, trailers.get('detail-bin')], [grpc.status.FAILED_PRECONDITION, MESSAGE, [DETAIL]]);
    },
    'metadata both ways, and trailers': async () => {
      const { headers, trailers } = await client.call('Metadata', 'x');
      deepStrictEqual([headers.get('plain'), headers.get('bytes-bin'), trailers.get('end')], [['text'], [DETAIL], ['reached']]);
    },
    'a method that nobody has': async () => equal((await client.call('Nothing', '')).code, grpc.status.UNIMPLEMENTED),
    'a deadline': async () => {
      const before = await noticed();
      const { code, details } = await client.call('Wait', '', { deadline: Date.now() + DEADLINE_MS });
      // Client and agent keep it. Where a busy client is the later one, it hears what Envoy says, too.
      if (details !== TIMED_OUT) equal(code, grpc.status.DEADLINE_EXCEEDED);
      await noticedBy(before + 1);
    },
    'a call that is given up': async () => {
      const before = await noticed();
      const { code } = await client.call('Wait', '', {}, (call) => setTimeout(() => call.cancel(), DEADLINE_MS));
      equal(code, grpc.status.CANCELLED);
      await noticedBy(before + 1);
    },
    'a hundred calls at a time': async () => {
      const answers = await Promise.all(Array.from({ length: 100 }, (_, index) => client.call('Unary', `call ${index}`)));
      ok(answers.every(({ bytes }, index) => bytes.toString() === `call ${index}`));
    },
  };
  for (const [name, check] of Object.entries(cases)) {
    await check();
    console.log(name);
  }
}

const [, , role, ...words] = process.argv;
if (role === 'server') serve(Number(words[0]));
else await ask(words[0] ?? '', words[1] ?? '').then(() => process.exit(0));
