/** Tunnels on real sockets: what one side sent before it ended, or broke, reaches the other one first. */
import t from 'tap';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { Tunnel, type TunnelBytes } from '../../../src/l7/tcp/tunnel.ts';
import { HIGH_WATER, type Address } from '../../../src/l7/transport.ts';
import { NativeTransport } from '../../../src/l7/transport/native.ts';
import { to } from '../transport/contract.ts';
import { Recorder, pattern, send, until } from '../transport/lab.ts';

const ROUNDS = 10;
const ANSWER = Buffer.concat([
  Buffer.from('HTTP/1.1 413 Content Too Large\r\ncontent-length: 20000\r\nconnection: close\r\n\r\n'),
  pattern(20_000),
]);

/** client — transport ═tunnel═ transport — server */
class TunnelLab {
  readonly transport = NativeTransport.create();
  readonly over: TunnelBytes[] = [];
  open = 0;
  readonly address: Address;

  constructor(server: Address) {
    const { transport } = this;
    const means = { transport, recorder: { tunnels: (change: 1 | -1) => void (this.open += change) }, limits: { idleTimeoutMs: 60_000 } };
    const onAccept = (id: number): Recorder => {
      const second = transport.connect(to(server), new Recorder(transport));
      // The tunnel takes over what somebody has accepted already.
      transport.defer(() => new Tunnel(means, (bytes) => this.over.push(bytes)).join(id, second));
      return new Recorder(transport);
    };
    const listener = transport.listen({ address: '127.0.0.1', port: 0 }, { onAccept });
    this.address = transport.listenerAddress(listener);
  }
}

async function serve(test: Pick<typeof t, 'teardown'>, serveOne: (socket: Socket) => void): Promise<Address> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => undefined);
    serveOne(socket);
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  test.teardown(() => void server.close());
  return { ip: '127.0.0.1', port: (server.address() as AddressInfo).port };
}

/** Sends as fast as it is taken, whatever happens, and hears what is answered. */
class Uploader extends Recorder {
  #left: Buffer;
  constructor(transport: NativeTransport, upload: Buffer) {
    super(transport);
    this.#left = upload;
  }
  override onConnect(): void {
    super.onConnect();
    this.#send();
  }
  override onDrained(): void {
    this.#send();
  }
  #send(): void {
    const part = this.#left.subarray(0, HIGH_WATER + 1);
    this.#left = this.#left.subarray(part.length);
    send(this.transport, this.id, part);
  }
}

function upload(test: Pick<typeof t, 'teardown'>, address: Address, bytes: Buffer): Uploader {
  const transport = NativeTransport.create();
  test.teardown(() => transport.dispose());
  const client = new Uploader(transport, bytes);
  client.id = transport.connect(to(address), client);
  return client;
}

for (const size of [200_000, 2_000_000]) {
  t.test(`a server that answers after the head and closes with ${size} bytes unread is heard every time`, async (test) => {
    const server = await serve(test, (socket) => {
      socket.once('data', () => {
        socket.pause();
        socket.write(ANSWER, () => socket.destroy());
      });
    });
    const lab = new TunnelLab(server);
    test.teardown(() => lab.transport.dispose());
    const request = Buffer.concat([Buffer.from(`POST / HTTP/1.1\r\nhost: a\r\ncontent-length: ${size}\r\n\r\n`), pattern(size, 2)]);
    for (let round = 0; round < ROUNDS; round++) {
      const client = upload(test, lab.address, request);
      await until(() => client.has('close') || client.has('end'), 'the end of the connection');
      test.ok(client.received().equals(ANSWER), `round ${round}: ${client.bytes} of ${ANSWER.length} bytes`);
      await until(() => lab.over.length === round + 1, 'the tunnel is over');
      test.equal(lab.over[round]!.backward, ANSWER.length);
    }
    test.equal(lab.open, 0);
    await until(() => lab.transport.connections === 0, 'no connection is left');
  });
}

t.test('a reset is passed on as a reset, behind everything', async (test) => {
  const bytes = pattern(3_000_000, 5);
  const server = await serve(test, (socket) => {
    socket.write(bytes, () => socket.resetAndDestroy());
  });
  const lab = new TunnelLab(server);
  test.teardown(() => lab.transport.dispose());
  const client = upload(test, lab.address, Buffer.from('x'));
  await until(() => client.has('close') || client.has('end'), 'the end');
  test.same(client.log, ['connect', 'data', 'close'], 'no FIN');
  // What the server's own kernel had not delivered is lost with its reset; nothing else may be.
  test.equal(lab.over[0]!.backward, client.bytes);
  test.ok(client.received().equals(bytes.subarray(0, client.bytes)));
});

t.test('half close passes, and a tunnel whose sides have both ended is closed in order', async (test) => {
  const server = await serve(test, (socket) => {
    let heard = 0;
    socket.on('data', (chunk) => (heard += chunk.length));
    socket.on('end', () => socket.end(`heard ${heard}`));
  });
  const lab = new TunnelLab(server);
  test.teardown(() => lab.transport.dispose());
  const client = upload(test, lab.address, pattern(100_000));
  await until(() => client.has('connect'), 'connected');
  client.transport.shutdown(client.id);
  await until(() => client.has('end'), 'FIN');
  test.equal(client.received().toString(), 'heard 100000');
  await until(() => lab.over.length === 1, 'the tunnel is over');
  test.same(lab.over[0], { forward: 100_000, backward: 12 });
});
