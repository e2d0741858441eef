/** Where a captured connection was going never mixes with another's, and one whose destination is not known is closed. Needs root. */
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { closeFd, namespaceCookie, openNamespace } from '../../../src/datapath/namespaces.ts';
import { pinRoot } from '../../../src/datapath/pins.ts';
import { originKey } from '../../../src/datapath/records.ts';
import { needsRoot, outcomeOf, type Pod, PodNetwork, PYTHON } from '../pod-network.ts';
import { removePrograms, type StandIn, startStandIn } from './stand-in.ts';

const PODS = 20;
/** With a limit of 20 000 descriptors the listeners of the one process at the other end take as many of all pods at once. */
const CONNECTIONS = 800;

/** Opens its share of addresses at once and keeps them open until each has told which address it took the connection for. */
const OPENER = `
import collections, selectors, socket, sys
first, count = int(sys.argv[1]), int(sys.argv[2])
selector = selectors.DefaultSelector()
sys.stdin.readline()
results = collections.Counter()
for number in range(first, first + count):
    # The families take turns: both use the same source ports at the same time.
    if number % 2: address = f'2001:db8::1:{number:x}'
    else: address = f'198.18.{number >> 8}.{number & 255}'
    client = socket.socket(socket.AF_INET6 if number % 2 else socket.AF_INET)
    client.setblocking(False)
    try: client.connect((address, 1024 + number))
    except BlockingIOError: pass
    selector.register(client, selectors.EVENT_READ, (f'{address} {1024 + number}', []))
open_clients, held = count, []
while open_clients:
    events = selector.select(60)
    if not events: break
    for key, _ in events:
        wanted, parts = key.data
        try: part = key.fileobj.recv(100)
        except OSError as error: part, parts = b'', [str(error).encode()]
        parts.append(part)
        if part and not part.endswith(b'\\n'): continue
        got = b''.join(parts).decode().strip()
        results['right' if got == wanted and key.fileobj.getpeername()[:2] == (wanted.split()[0], int(wanted.split()[1])) else f'{wanted} got {got}'] += 1
        selector.unregister(key.fileobj)
        held.append(key.fileobj)
        open_clients -= 1
if open_clients: results['no answer'] = open_clients
for result, times in results.items(): print(times, result)
`;

/** A network with a stand-in for the agent, without programs of another test. @param sockets that accept at each address. */
async function start(t: Test, name: string, sockets = 1): Promise<{ network: PodNetwork; agent: StandIn }> {
  const network = await PodNetwork.create(name);
  removePrograms(network);
  t.teardown(() => network.close());
  const agent = await startStandIn(t, network, { sockets });
  return { network, agent };
}

t.test(`${PODS} pods open ${CONNECTIONS} connections each at once, every one to another address`, { skip: needsRoot }, async (t) => {
  const { network, agent } = await start(t, 'origins', 2);
  const pods = Array.from({ length: PODS }, (_, number) => network.addPod(`p${number}`));
  for (const pod of pods) await agent.enroll(pod);
  const clients = pods.map((pod, number) =>
    pod.start([PYTHON, '-c', OPENER, String(number * CONNECTIONS), String(CONNECTIONS)], { stdio: ['pipe', 'pipe', 'pipe'] }),
  );
  for (const client of clients) client.stdin?.write('go\n');
  const outcomes = await Promise.all(clients.map(outcomeOf));
  for (const { stdout, stderr } of outcomes) t.same([stdout, stderr], [`${CONNECTIONS} right\n`, '']);

  const accepted = await agent.accepted();
  t.equal(accepted.length, PODS * CONNECTIONS, 'all through the agent');
  const misplaced = accepted.filter(({ pod, origin }) => pod !== `p${Math.floor(((origin?.port ?? 0) - 1024) / CONNECTIONS)}`);
  t.same(misplaced, [], 'each by the listener in its own pod');
  const counters = await agent.counters();
  t.match(counters, { outbound_captured: PODS * CONNECTIONS, outbound_passed: 0, destination_unstored: 0 });
});

/** Connects twice, tells its source ports, and reads from both once it is told to. */
const PAIR = `
import errno, socket, sys
pair = [socket.create_connection(('198.18.0.%d' % number, 80), 60) for number in (1, 2)]
print(*[client.getsockname()[1] for client in pair], flush=True)
sys.stdin.readline()
for client in pair:
    try: print(client.makefile().readline().strip() or 'closed', flush=True)
    except OSError as error: print(errno.errorcode[error.errno], flush=True)
`;

t.test('an entry that went missing closes that one connection, and no other', { skip: needsRoot }, async (t) => {
  const { network, agent } = await start(t, 'missing');
  const pod = network.addPod('client');
  await agent.enroll(pod);
  for (const lost of [0, 1]) {
    agent.child.kill('SIGSTOP');
    const client = pod.start([PYTHON, '-c', PAIR], { stdio: ['pipe', 'pipe', 'inherit'] });
    const lines = createInterface({ input: client.stdout! })[Symbol.asyncIterator]();
    const ports = String((await lines.next()).value)
      .split(' ')
      .map(Number);
    forget(network.name, pod, ports[lost] as number);
    agent.child.kill('SIGCONT');
    client.stdin?.write('go\n');
    const [first, second] = [await lines.next(), await lines.next()].map(({ value }) => String(value));
    const [gone, kept] = lost === 0 ? [first, second] : [second, first];
    t.match(gone, /^(closed|ECONNRESET)$/);
    t.equal(kept, `198.18.0.${2 - lost} 80`);
    const origins = (await agent.accepted()).map(({ origin }) => origin?.ip ?? null);
    t.same(new Set(origins), new Set([null, `198.18.0.${2 - lost}`]));
  }
});

/** What eviction from the full map does. */
function forget(network: string, pod: Pod, port: number): void {
  const root = pinRoot(`nwt-${network}`);
  const map = join(root, readdirSync(root)[0] as string, 'nw_origins');
  const netns = openNamespace(pod.path);
  const key = originKey(namespaceCookie(netns), { ip: '127.0.0.1', port });
  closeFd(netns);
  execFileSync('/usr/sbin/bpftool', ['map', 'delete', 'pinned', map, 'key', 'hex', ...[...key].map((byte) => byte.toString(16))]);
}

t.test('a source port used again has its own destination, whatever was left for it', { skip: needsRoot }, async (t) => {
  const { network, agent } = await start(t, 'again');
  const pod = network.addPod('client');
  await agent.enroll(pod);
  const program = `import socket, struct
for number in range(1, 51):
    s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(('127.0.0.1', 45678))
    s.connect(('198.18.0.%d' % number, 80))
    assert s.makefile().readline() == '198.18.0.%d 80\\n' % number
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0)); s.close()
print('done')`;
  t.match(await pod.python(program), { stdout: 'done\n', stderr: '' });
  t.equal((await agent.accepted()).length, 50);
});

t.test(
  'a connection that was reset before it was accepted does not take the destination of the next one',
  { skip: needsRoot },
  async (t) => {
    const { network, agent } = await start(t, 'reset');
    const pod = network.addPod('client');
    await agent.enroll(pod);
    agent.child.kill('SIGSTOP');
    const program = `import socket, struct, sys
def connect(number):
    s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.settimeout(60)
    s.bind(('127.0.0.1', 45678)); s.connect(('198.18.0.%d' % number, 80))
    return s
first = connect(1)
first.sendall(b'for the first alone')
first.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0)); first.close()
second = connect(2)
print('connected', flush=True)
sys.stdin.readline()
print(second.makefile().readline().strip(), flush=True)`;
    const client = pod.start([PYTHON, '-c', program], { stdio: ['pipe', 'pipe', 'inherit'] });
    const lines = createInterface({ input: client.stdout! })[Symbol.asyncIterator]();
    t.equal((await lines.next()).value, 'connected');
    agent.child.kill('SIGCONT');
    client.stdin?.write('go\n');
    t.equal((await lines.next()).value, '198.18.0.2 80');
    t.strictSame(
      (await agent.accepted()).flatMap(({ origin }) => (origin === null ? [] : [origin.ip])),
      ['198.18.0.2'],
    );
  },
);

/** Both connections are there before the agent accepts one. */
const TWINS = `
import socket, sys
twins = []
for number, address in enumerate(sys.argv[1:], 1):
    client = socket.socket(); client.settimeout(60)
    client.bind((address, 45678)); client.connect(('198.18.0.%d' % number, 80))
    twins.append(client)
print('connected', flush=True)
sys.stdin.readline()
for client in twins: print(client.getsockname()[0], client.makefile().readline().strip(), flush=True)
`;

t.test('connections from one source port of two addresses do not mix', { skip: needsRoot }, async (t) => {
  const { network, agent } = await start(t, 'twins');
  const pod = network.addPod('client', ['10.78.0.1/16']);
  await agent.enroll(pod);
  agent.child.kill('SIGSTOP');
  const client = pod.start([PYTHON, '-c', TWINS, pod.ipv4, '10.78.0.1'], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: client.stdout! })[Symbol.asyncIterator]();
  t.equal((await lines.next()).value, 'connected');
  agent.child.kill('SIGCONT');
  client.stdin?.write('go\n');
  t.equal((await lines.next()).value, `${pod.ipv4} 198.18.0.1 80`);
  t.equal((await lines.next()).value, '10.78.0.1 198.18.0.2 80');
});
