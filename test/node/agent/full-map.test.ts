/** The map of original destinations is full, many times over: what was pushed out of it is closed and counted. Needs root. */
import { execFileSync } from 'node:child_process';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import t from 'tap';
import { LAYOUT } from '../../../src/datapath/abi.ts';
import { datapathAddon } from '../../../src/datapath/addon.ts';
import { pinRoot } from '../../../src/datapath/pins.ts';
import { needsRoot, type Pod, PodNetwork, PYTHON } from '../pod-network.ts';
import { AgentProcess, podObject } from './agent-process.ts';

const CONNECTIONS = 64;
const FIRST_PORT = 9100;
/** Of the map's capacity (bpf/lib/maps.h). */
const TIMES = 10;

/** Tells who connects at which port they did. */
const PORTS = `
import selectors, socket, sys
first, count = int(sys.argv[1]), int(sys.argv[2])
selector = selectors.DefaultSelector()
for port in range(first, first + count):
    selector.register(socket.create_server(('', port)), selectors.EVENT_READ)
print('serving', flush=True)
while True:
    for key, _ in selector.select():
        client, _ = key.fileobj.accept()
        client.sendall(b'%d\\n' % client.getsockname()[1])
        client.close()
`;

/** Opens all connections at once, and once it is told to, says of each where it led. */
const CLIENT = `
import socket, sys
address, first, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
clients = [(port, socket.create_connection((address, port), 60)) for port in range(first, first + count)]
print('connected', flush=True)
sys.stdin.readline()
for port, client in clients:
    try: line = client.makefile().readline().strip()
    except ConnectionResetError: line = ''
    print('closed' if line == '' else 'right' if line == str(port) else f'{port} led to {line}', flush=True)
print('end', flush=True)
`;

/**
 * Stores entries of random keys in a pinned map, by BPF_OBJ_GET and BPF_MAP_UPDATE_BATCH. It goes round all processors: what was stored last
 * on one of them waits in a list of that processor's own (kernel/bpf/bpf_lru_list.c), and can be pushed out only once more is stored there.
 */
const FILL = `
import ctypes, os, platform, struct, sys
path, key_size, value_size, times = sys.argv[1], *map(int, sys.argv[2:])
number = {'x86_64': 321, 'aarch64': 280}[platform.machine()]
libc = ctypes.CDLL(None, use_errno=True)
def bpf(command, attributes):
    result = libc.syscall(number, command, attributes, len(attributes))
    if result < 0: raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
name = ctypes.create_string_buffer(path.encode())
fd = bpf(7, struct.pack('QII', ctypes.addressof(name), 0, 0))
count = 65536
values = ctypes.create_string_buffer(value_size * count)
cpus = sorted(os.sched_getaffinity(0))
for turn in range(max(times, 2 * len(cpus))):
    os.sched_setaffinity(0, {cpus[turn % len(cpus)]})
    keys = ctypes.create_string_buffer(os.urandom(key_size * count), key_size * count)
    batch = struct.pack('QQQQIIQQ', 0, 0, ctypes.addressof(keys), ctypes.addressof(values), count, fd, 0, 0)
    bpf(26, batch)
`;

t.test('connections whose destination was pushed out of the full map', { skip: needsRoot }, async (t) => {
  const network = await PodNetwork.create('fullmap');
  const agent = await AgentProcess.create(network);
  t.teardown(async () => {
    if (!t.passing()) t.comment(agent.log);
    await agent.close();
    await network.close();
  });
  const [client, server] = ['client', 'server'].map((pod) => network.addPod(pod)) as [Pod, Pod];
  await server.serve([PYTHON, '-c', PORTS, String(FIRST_PORT), String(CONNECTIONS)]);
  await agent.apply('pods.json', podObject(client, 'client'));
  await agent.start();
  const refused = (): Promise<number> => agent.metric('nodeway_refused_connections_total', { reason: 'original_destination_missing' });
  t.equal(await refused(), 0);

  const connect = async (whileWaiting: () => void): Promise<string[]> => {
    agent.signal('SIGSTOP');
    const command = [PYTHON, '-c', CLIENT, server.ipv4, String(FIRST_PORT), String(CONNECTIONS)];
    const child = client.start(command, { stdio: ['pipe', 'pipe', 'inherit'] });
    const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
    t.equal((await lines.next()).value, 'connected');
    whileWaiting();
    agent.signal('SIGCONT');
    child.stdin?.write('go\n');
    const seen: string[] = [];
    for (let line = await lines.next(); line.value !== 'end' && line.done !== true; line = await lines.next()) seen.push(line.value);
    return seen;
  };

  const map = join(pinRoot(agent.instance), datapathAddon().abi, 'nw_origins');
  const seen = await connect(() => {
    const sizes = [LAYOUT.origin_key.size, LAYOUT.destination.size, TIMES];
    execFileSync(PYTHON, ['-c', FILL, map, ...sizes.map(String)], { stdio: ['ignore', 'inherit', 'inherit'] });
  });
  t.equal(seen.length, CONNECTIONS);
  const closed = seen.filter((outcome) => outcome === 'closed').length;
  t.ok(closed > 0, 'some were pushed out');
  t.strictSame(new Set([...seen, 'right']), new Set(['closed', 'right']), 'none led to another destination');
  t.equal(await refused(), closed, 'each is counted');
  t.strictSame(new Set(await connect(() => {})), new Set(['right']), 'the next ones find room');
  t.equal(await refused(), closed);
});
