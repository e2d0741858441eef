/** A pod that takes all it can get: the agent stays small and alive, and other pods are served. Needs root. */
import { once } from 'node:events';
import t, { type Test } from 'tap';
import { startNginx } from '../capture/programs.ts';
import { needsRoot, type Pod, PodNetwork, PYTHON, until } from '../pod-network.ts';
import { AgentProcess, podObject, serviceObject } from './agent-process.ts';

const DESCRIPTORS = 6000;
const CONNECTIONS = 3000;
const STALLED_PORT = 81;
/** What the queues of all connections hold together, and the objects of as many connections as there can be. Without a limit: 700 MB. */
const MOST_GROWTH = 300_000_000;

/** Takes connections and never reads. */
const STALLED = `
import socket, sys
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
listener.bind(('', int(sys.argv[1])))
listener.listen(4096)
print('ready', flush=True)
taken = []
while True: taken.append(listener.accept())
`;

/** Begins uploads until it is refused, sends as much as anybody takes, and goes on holding them. */
const UPLOADS = `
import socket, sys, time
address, port, most = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
head = f'POST / HTTP/1.1\\r\\nHost: {address}:{port}\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n'.encode()
chunk = b'10000\\r\\n' + bytes(65536) + b'\\r\\n'
open_ones, refused = [], 0
while len(open_ones) + refused < most:
    try:
        connection = socket.create_connection((address, port), timeout=60)
        connection.sendall(head)
        connection.setblocking(False)
        open_ones.append([connection, 0])
    except OSError:
        refused += 1
taking, last = True, time.monotonic()
while time.monotonic() - last < 1:
    for upload in open_ones[:]:
        try:
            upload[1] += upload[0].send(chunk[upload[1] % len(chunk):])
            last = time.monotonic()
        except BlockingIOError:
            pass
        except OSError:
            open_ones.remove(upload)
            refused += 1
    time.sleep(0.01)
print(len(open_ones), refused, flush=True)
time.sleep(3600)
`;

/** How many uploads stand still, and how many were refused. */
async function stallUploads(pod: Pod, address: string): Promise<[number, number]> {
  const child = pod.start([PYTHON, '-c', UPLOADS, address, String(STALLED_PORT), String(CONNECTIONS)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(child.stdout!, 'data')) as [Buffer];
  return line.toString().trim().split(' ').map(Number) as [number, number];
}

const asks = async (pod: Pod, address: string): Promise<string> =>
  (await pod.run(['curl', '-sS', '-m', '60', '-o', '/dev/null', '-w', '%{http_code}', `http://${address}/`])).stdout;

async function setUp(t: Test): Promise<{ agent: AgentProcess; greedy: Pod; modest: Pod; web: Pod }> {
  const network = await PodNetwork.create('greedy');
  const agent = await AgentProcess.create(network, [], [], ['prlimit', `--nofile=${DESCRIPTORS}:${DESCRIPTORS}`]);
  t.teardown(async () => {
    if (!t.passing()) t.comment(agent.log);
    await agent.close();
    await network.close();
  });
  const [greedy, modest, web] = ['greedy', 'modest', 'web'].map((pod) => network.addPod(pod)) as [Pod, Pod, Pod];
  await startNginx(web, (task) => t.teardown(task));
  await web.serve([PYTHON, '-c', STALLED, String(STALLED_PORT)]);
  const pods = [podObject(greedy, 'greedy'), podObject(modest, 'modest'), podObject(web, 'web', { enrolled: false })];
  await agent.apply('pods.json', ...pods, serviceObject('web', '10.96.0.7', { http: 80, 'http-stalled': STALLED_PORT }));
  await agent.start();
  return { agent, greedy, modest, web };
}

t.test('descriptors and memory stay for others', { skip: needsRoot }, async (t) => {
  const { agent, greedy, modest, web } = await setUp(t);
  t.equal(await asks(modest, web.ipv4), '200');
  const before = await agent.metric('process_resident_memory_bytes');
  const [stalled, refused] = await stallUploads(greedy, '10.96.0.7');
  t.ok(stalled > 500, `${stalled} uploads stand still`);
  t.ok(refused > 0, `${refused} were refused`);
  const grown = (await agent.metric('process_resident_memory_bytes')) - before;
  t.ok(grown < MOST_GROWTH, `the agent grew by ${Math.round(grown / 1e6)} MB`);
  t.equal(await asks(modest, web.ipv4), '200', 'another pod is served');
  t.ok((await agent.metric('nodeway_refused_connections_total', { reason: 'out_of_descriptors' })) > 0);
  await until(() => agent.log.includes('shop/greedy, outbound'), 'the log says whose connections are refused');
  t.notMatch(agent.log, /shop\/modest, outbound/);
  t.notMatch(agent.log, /EMFILE/);
});
