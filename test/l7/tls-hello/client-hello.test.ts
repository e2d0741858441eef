import { createConnection, createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { connect } from 'node:tls';
import * as fc from '../../base/fast-check.ts';
import t, { type Test } from 'tap';
import { MAX_HELLO_BYTES, readServerName } from '../../../src/l7/tls-hello/client-hello.ts';
import { clientHello, extension, records, serverName } from './hellos.ts';

const read = (bytes: Uint8Array): string => {
  const answer = readServerName(bytes);
  return answer.state === 'found' ? Buffer.from(answer.name).toString() : answer.state;
};

/** At every split: nothing is known before the whole of it is there. */
function atEverySplit(t: Test, hello: Buffer, expected: string, about: string): void {
  for (let length = 0; length < hello.length; length++) {
    if (read(hello.subarray(0, length)) !== 'more') t.fail(`${about}: ${read(hello.subarray(0, length))} after ${length} bytes`);
  }
  t.equal(read(hello), expected, about);
  t.equal(read(Buffer.concat([hello, Buffer.from('more')])), expected, `${about}, and what follows`);
}

t.test('the name, however the message is cut', async (t) => {
  atEverySplit(t, clientHello('example.org'), 'example.org', 'one record');
  atEverySplit(t, clientHello('example.org', { fragment: 1 }), 'example.org', 'a record for each byte');
  atEverySplit(t, clientHello('a.example.org', { fragment: 50 }), 'a.example.org', 'several records');
  atEverySplit(t, clientHello('example.org', { sessionId: 0 }), 'example.org', 'no session');
  atEverySplit(t, clientHello('b', { extensions: [extension(51, Buffer.alloc(1200))], fragment: 700 }), 'b', 'large key shares');
  atEverySplit(t, clientHello(null), 'none', 'no name');
});

t.test('what is broken asks for no name', async (t) => {
  const hello = clientHello('example.org');
  const body = hello.subarray(5);
  for (const [about, bytes] of [
    ['another record', Buffer.concat([Buffer.from([23]), hello.subarray(1)])],
    ['another version', Buffer.concat([Buffer.from([22, 2]), hello.subarray(2)])],
    ['an empty record', Buffer.from([22, 3, 1, 0, 0, 1])],
    ['a record that is too long', Buffer.from([22, 3, 1, 0xff, 0xff, 1])],
    ['another message', records(Buffer.concat([Buffer.from([2]), body.subarray(1)]))],
    ['an alert between two fragments', Buffer.concat([records(body.subarray(0, 30)), Buffer.from([21, 3, 1, 0, 2, 1, 0])])],
    ['a message that ends within its random', records(Buffer.from([1, 0, 0, 4, 3, 3, 0, 0]))],
    ['an empty name', clientHello('')],
    ['a name of another type', clientHello(null, { extensions: [serverName('example.org', 9)] })],
    ['an extension that is longer than the message', clientHello(null, { extensions: [Buffer.from([0, 5, 0xff, 0xff])] })],
    ['a list of names that is longer than its extension', clientHello(null, { extensions: [extension(0, Buffer.from([0, 99, 0]))] })],
    ['a message that is too long', Buffer.from([22, 3, 1, 0, 4, 1, 0xff, 0xff, 0xff])],
  ] as const) {
    t.equal(read(bytes), 'none', about);
  }
});

t.test('no more is waited for than a ClientHello may have', async (t) => {
  const long = clientHello('example.org', { extensions: [extension(21, Buffer.alloc(MAX_HELLO_BYTES))] });
  t.equal(read(long.subarray(0, 2000)), 'none');
  const short = clientHello('example.org', { extensions: [extension(21, Buffer.alloc(MAX_HELLO_BYTES - 500))] });
  t.equal(read(short), 'example.org');
});

t.test('any bytes get an answer', async () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => ['more', 'none', 'found'].includes(readServerName(bytes).state)));
  const hello = clientHello('example.org', { fragment: 60 });
  const change = fc.record({ at: fc.nat(hello.length - 1), to: fc.nat(255) });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 4 }), (changes) => {
      const bytes = Buffer.from(hello);
      for (const { at, to } of changes) bytes[at] = to;
      return ['more', 'none', 'found'].includes(readServerName(bytes).state);
    }),
  );
});

t.test("OpenSSL's own", async (t) => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const socket = createConnection({ host: '127.0.0.1', port });
  const [accepted] = (await once(server, 'connection')) as [import('node:net').Socket];
  const client = connect({ socket, servername: 'shop.example.org', ALPNProtocols: ['h2', 'http/1.1'] });
  client.on('error', () => {});
  const [first] = (await once(accepted, 'data')) as [Buffer];
  t.equal(read(first), 'shop.example.org');
  accepted.destroy();
  client.destroy();
  server.close();
});
