/** Applications that choose the port of their end: one port, and connections to several destinations. Needs root. */
import t from 'tap';
import { needsRoot, type Pod, PodNetwork } from '../pod-network.ts';
import { startGreeter } from './programs.ts';
import { removePrograms, startStandIn } from './stand-in.ts';

const PORTS = [9000, 9001, 9002];

/** `connect` says whom the server at that port takes the client for, and whom the client takes it for. */
const PRELUDE = `
import socket, sys
own4, own6, other4, other6 = sys.argv[1:5]
def connect(bound, address, port, family=socket.AF_INET):
    s = socket.socket(family)
    for option in socket.SO_REUSEADDR, socket.SO_REUSEPORT: s.setsockopt(socket.SOL_SOCKET, option, 1)
    s.settimeout(60)
    s.bind(bound)
    s.connect((address, port))
    print(s.makefile().readline().split()[0], *s.getpeername()[:2], s.getsockname()[1])
    return s
`;

t.test('one source port, several destinations', { skip: needsRoot }, async (t) => {
  const network = await PodNetwork.create('sources');
  removePrograms(network);
  t.teardown(() => network.close());
  const [pod, closed, other] = ['client', 'closed', 'other'].map((name) => network.addPod(name)) as [Pod, Pod, Pod];
  await startGreeter(other, ...PORTS);
  await startGreeter(pod, 7000);
  const agent = await startStandIn(t, network);
  await agent.enroll(pod);
  await agent.enroll(closed, { failClosed: true });
  const run = async (program: string, from = pod): Promise<string[]> => {
    const { stdout, stderr } = await from.python(PRELUDE + program, from.ipv4, from.ipv6, other.ipv4, other.ipv6);
    if (stderr !== '') throw new Error(stderr);
    return stdout.trim().split('\n');
  };
  const clashing = async (): Promise<number> => (await agent.counters())['outbound_clashing'] ?? 0;

  for (const { what, bound, family = 'socket.AF_INET', address, seen, peer } of [
    { what: 'a port', bound: "('', 45101)", address: 'other4', seen: pod.ipv4, peer: other.ipv4 },
    { what: 'an address and a port', bound: '(own4, 45102)', address: 'other4', seen: pod.ipv4, peer: other.ipv4 },
    { what: 'a port of IPv6', bound: "('::', 45103)", family: 'socket.AF_INET6', address: 'other6', seen: pod.ipv6, peer: other.ipv6 },
    { what: 'both of IPv6', bound: '(own6, 45104)', family: 'socket.AF_INET6', address: 'other6', seen: pod.ipv6, peer: other.ipv6 },
    {
      what: 'a port of both families, to IPv4',
      bound: "('::', 45105)",
      family: 'socket.AF_INET6',
      address: "'::ffff:' + other4",
      seen: pod.ipv4,
      peer: `::ffff:${other.ipv4}`,
    },
  ]) {
    const port = /\d{5}/u.exec(bound)?.[0];
    const all = PORTS.map((to) => `${seen} ${peer} ${to} ${port}`);

    await t.test(`${what}, at a time: the first is captured, the others go straight`, async (t) => {
      const before = await clashing();
      const connect = PORTS.map((to) => `connect(${bound}, ${address}, ${to}, ${family})`);
      t.strictSame(await run(`kept = [${connect.join(', ')}]`), all);
      t.equal((await agent.accepted()).length, 1);
      t.equal((await clashing()) - before, 2);
    });

    await t.test(`${what}, one after another: none waits for the end of the one before`, async (t) => {
      const next = bound.replace('451', '452');
      const connect = PORTS.map((to) => `connect(${next}, ${address}, ${to}, ${family}).close()`);
      t.strictSame(
        await run(connect.join('\n')),
        all.map((line) => line.replace(/451(..)$/u, '452$1')),
      );
      t.equal((await agent.accepted()).length, 1);
    });
  }

  await t.test('a listener at that port is no connection', async (t) => {
    const before = await clashing();
    await run(`
own = socket.socket()
own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
own.bind(('', 45106))
own.listen()
connect(('', 45106), other4, 9000)`);
    t.equal((await agent.accepted()).length, 1);
    t.equal(await clashing(), before);
  });

  await t.test('in a pod that fails closed the second is refused', async (t) => {
    const lines = await run(
      `
kept = connect(('', 45107), other4, 9000)
try: connect(('', 45107), other4, 9001)
except PermissionError: print('refused')`,
      closed,
    );
    t.equal(lines[1], 'refused');
    await agent.accepted();
  });

  await t.test('from a loopback address to an address of the pod: left alone, and not an inbound connection of others', async (t) => {
    const before = (await agent.counters())['inbound_captured'];
    t.strictSame(await run(`connect(('127.0.0.1', 45108), own4, 7000)`), [`127.0.0.1 ${pod.ipv4} 7000 45108`]);
    t.strictSame(await agent.accepted(), []);
    t.equal((await agent.counters())['inbound_captured'], before);
  });
});
