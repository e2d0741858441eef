/** Multipath TCP, whose sockets connect by sockets of their own, and with which systemd and Go listen by default. Needs root. */
import { existsSync } from 'node:fs';
import t from 'tap';
import { needsRoot, type Pod, PodNetwork, PYTHON } from '../pod-network.ts';
import { startGreeter } from './programs.ts';
import { removePrograms, startStandIn } from './stand-in.ts';

const needsMultipath = existsSync('/proc/sys/net/mptcp/enabled') ? needsRoot : 'needs a kernel with Multipath TCP';

const PRELUDE = `
import ctypes, select, socket, struct, sys
own4, own6, other4, other6 = sys.argv[1:5]
def new(family=socket.AF_INET, bind=None):
    s = socket.socket(family, socket.SOCK_STREAM, 262)
    s.settimeout(60)
    if bind: s.bind(bind)
    return s
def names(s): print(s.getpeername()[:2], s.getsockname()[0])
def reach(s, address, port=9000):
    s.connect((address, port))
    print(s.makefile().readline().strip())
    names(s)
`;

/** Sends back what comes, and accepts by Multipath TCP. */
const ECHO = `
import socket, sys
listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)
listener.bind(('', int(sys.argv[1])))
listener.listen()
print('ready', flush=True)
while True:
    client, peer = listener.accept()
    client.sendall(f'{peer[0]} {client.getsockname()[0]}\\n'.encode())
    client.close()
`;

t.test('Multipath TCP', { skip: needsMultipath }, async (t) => {
  const network = await PodNetwork.create('multipath');
  removePrograms(network);
  t.teardown(() => network.close());
  const [pod, other] = ['client', 'other'].map((name) => network.addPod(name)) as [Pod, Pod];
  await startGreeter(other, 9000, 9001);
  await startGreeter(pod, 7000);
  await pod.serve([PYTHON, '-c', ECHO, '7001']);
  const agent = await startStandIn(t, network);
  await agent.enroll(pod);
  const run = async (program: string, from = pod): Promise<string[]> => {
    const { stdout, stderr } = await from.python(PRELUDE + program, from.ipv4, from.ipv6, other.ipv4, other.ipv6);
    if (stderr !== '') throw new Error(stderr);
    return stdout.trim().split('\n');
  };
  const captured = async (): Promise<number> => (await agent.accepted()).length;

  for (const { what, socket = '', to, own, peer } of [
    { what: 'IPv4', to: 'other4', own: pod.ipv4, peer: other.ipv4 },
    { what: 'IPv6', socket: 'socket.AF_INET6', to: 'other6', own: pod.ipv6, peer: other.ipv6 },
    {
      what: 'a v4-mapped address',
      socket: 'socket.AF_INET6',
      to: "'::ffff:' + other4",
      own: `::ffff:${pod.ipv4}`,
      peer: `::ffff:${other.ipv4}`,
    },
    { what: 'a bound address', socket: 'bind=(own4, 0)', to: 'other4', own: pod.ipv4, peer: other.ipv4 },
  ]) {
    await t.test(`${what}: captured, and the application sees its own addresses`, async (t) => {
      const [line, names] = await run(`reach(new(${socket}), ${to})`);
      t.equal(line, [own, peer].map((address) => address.replace('::ffff:', '')).join(' '));
      t.equal(names, `('${peer}', 9000) ${own}`);
      t.equal(await captured(), 1);
    });
  }

  await t.test('a connect that does not block, and one more after a disconnect', async (t) => {
    const lines = await run(`
s = new()
s.setblocking(False)
s.connect_ex((other4, 9000))
select.select([], [s], [], 60)
names(s)
assert ctypes.CDLL(None).connect(s.fileno(), struct.pack('H', socket.AF_UNSPEC) + bytes(14), 16) == 0
s.settimeout(60)
s.connect((other4, 9001))
names(s)
assert ctypes.CDLL(None).connect(s.fileno(), struct.pack('H', socket.AF_UNSPEC) + bytes(14), 16) == 0
s.connect((own4, 7000))
names(s)`);
    t.strictSame(lines, [
      `('${other.ipv4}', 9000) ${pod.ipv4}`,
      `('${other.ipv4}', 9001) ${pod.ipv4}`,
      `('${pod.ipv4}', 7000) ${pod.ipv4}`,
    ]);
    t.equal(await captured(), 2, 'not the one to itself');
  });

  await t.test('a server that listens with it', async (t) => {
    const [line] = await run('reach(new(), own4, 7001)');
    t.equal(line, `${pod.ipv4} ${pod.ipv4}`, 'the pod itself goes straight');
    t.equal(await captured(), 0);
    const [fromOther] = await run(`reach(new(), '${pod.ipv4}', 7001)`, other);
    t.equal(fromOther, `${pod.ipv4} ${pod.ipv4}`, 'others come by the agent');
    t.equal(await captured(), 1);
  });
});
