/** What an enrolled pod opens goes to the agent, and only that. Needs root. */
import t from 'tap';
import { needsRoot, PodNetwork, PYTHON } from '../pod-network.ts';
import { call, startGreeter, startNginx } from './programs.ts';
import { removePrograms, StandIn, startStandIn } from './stand-in.ts';

const SERVICE = { '10.96.0.10': '10.77.0.2', 'fd96::10': 'fd77::2' };
const OUTSIDE = ['203.0.113.7', '3fff:9::7'] as const;

t.test('outbound', { skip: needsRoot }, async (t) => {
  const network = await PodNetwork.create('outbound');
  removePrograms(network);
  t.teardown(() => network.close());
  const pod = network.addPod('client');
  const server = network.addPod('server');
  const outside = network.addPod('outside', [`${OUTSIDE[0]}/24`, `${OUTSIDE[1]}/64`]);
  const stranger = network.addPod('stranger');
  t.same([server.ipv4, server.ipv6], Object.values(SERVICE));
  for (const place of [server, outside]) {
    await startGreeter(place, 9000);
    await startNginx(place, (task) => t.teardown(task));
  }
  const agent = await startStandIn(t, network, { routes: SERVICE, sockets: 2 });
  await agent.enroll(pod);

  const destinations = [
    { what: 'a service by IPv4', address: '10.96.0.10', reached: server.ipv4, from: pod.ipv4 },
    { what: 'a service by IPv6', address: 'fd96::10', reached: server.ipv6, from: pod.ipv6 },
    { what: 'a service by a v4-mapped address', address: '::ffff:10.96.0.10', reached: server.ipv4, from: pod.ipv4 },
    { what: 'a pod by IPv4', address: server.ipv4, reached: server.ipv4, from: pod.ipv4 },
    { what: 'a pod by IPv6', address: server.ipv6, reached: server.ipv6, from: pod.ipv6 },
    { what: 'a pod by a v4-mapped address', address: `::ffff:${server.ipv4}`, reached: server.ipv4, from: pod.ipv4 },
    { what: 'the outside by IPv4', address: OUTSIDE[0], reached: OUTSIDE[0], from: pod.ipv4 },
    { what: 'the outside by IPv6', address: OUTSIDE[1], reached: OUTSIDE[1], from: pod.ipv6 },
    { what: 'the outside by a v4-mapped address', address: `::ffff:${OUTSIDE[0]}`, reached: OUTSIDE[0], from: pod.ipv4 },
  ];
  for (const { what, address, reached, from } of destinations) {
    await t.test(`${what}: captured, and the application sees the address that it asked for`, async (t) => {
      const { peer, line, error } = await call(pod, address, 9000);
      t.equal(error, undefined);
      t.equal(peer, `${address} 9000`);
      t.equal(line, `${from} ${reached}`, 'reached by the agent in the name of the pod');
      const origin = { ip: address.replace('::ffff:', ''), port: 9000 };
      t.match(await agent.accepted(), [{ pod: 'client', kind: 'outbound', origin }], 'once');
    });
    await t.test(`${what}: curl`, async (t) => {
      const url = `http://${address.includes(':') ? `[${address}]` : address}/`;
      const { code, stdout } = await pod.run(['curl', '-sgS', '-m', '60', '-w', '%{remote_ip}', url]);
      t.equal(code, 0);
      t.equal(stdout, `${from} ${reached}\n${address}`);
      t.equal((await agent.accepted()).length, 1);
    });
  }

  await t.test('all sockets at the listening address get connections', async (t) => {
    const many = `import socket
for i in range(64): socket.create_connection(('10.96.0.10', 9000)).makefile().readline()`;
    t.equal((await pod.python(many)).code, 0);
    t.same(new Set((await agent.accepted()).map(({ socket }) => socket)), new Set([0, 1]));
  });

  await t.test('a non-blocking connect reports as it does without an agent', async (t) => {
    const program = `import errno, select, socket
client = socket.socket(); client.setblocking(False)
assert client.connect_ex(('10.96.0.10', 9000)) == errno.EINPROGRESS
select.select([], [client], [], 60)
assert client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
print(client.getpeername())`;
    t.equal((await pod.python(program)).stdout, "('10.96.0.10', 9000)\n");
    await agent.accepted();
  });

  await t.test('UDP is left alone, connected or not, and its getpeername too', async (t) => {
    const listen = `import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('', 9000)); print('ready', flush=True)
while True: s.sendto(b'udp', s.recvfrom(9)[1])`;
    await server.serve([PYTHON, '-c', listen]);
    const ask = `import socket
for connected in (True, False):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(60)
    if connected: s.connect(('${server.ipv4}', 9000)); s.send(b'x'); print(s.getpeername())
    else: s.sendto(b'x', ('${server.ipv4}', 9000))
    print(s.recvfrom(9))`;
    const { stdout } = await pod.python(ask);
    const address = `('${server.ipv4}', 9000)`;
    t.equal(stdout, `${address}\n(b'udp', ${address})\n(b'udp', ${address})\n`);
    t.same(await agent.accepted(), []);
  });

  await t.test('unix sockets are left alone', async (t) => {
    const program = `import socket
l = socket.socket(socket.AF_UNIX); l.bind('\\0nwt-outbound'); l.listen()
c = socket.socket(socket.AF_UNIX); c.connect('\\0nwt-outbound')
a, _ = l.accept(); a.send(b'unix'); print(c.getpeername(), c.recv(9))`;
    t.equal((await pod.python(program)).stdout, "b'\\x00nwt-outbound' b'unix'\n");
    t.same(await agent.accepted(), []);
  });

  await t.test('a pod that is not enrolled is left alone', async (t) => {
    for (const address of [server.ipv4, server.ipv6, OUTSIDE[0]]) {
      t.match(await call(stranger, address, 9000), { peer: `${address} 9000`, error: undefined });
    }
    t.same(await agent.accepted(), []);
  });

  await t.test('a pod talks to itself without the agent: by its address, and by loopback', async (t) => {
    await startGreeter(pod, 7000);
    const before = (await agent.counters())['outbound_to_self'] ?? 0;
    const own = [pod.ipv4, pod.ipv6, '127.0.0.1', '::1', `::ffff:${pod.ipv4}`];
    for (const address of own) {
      const bare = address.replace('::ffff:', '');
      t.match(await call(pod, address, 7000), { peer: `${address} 7000`, line: `${bare} ${bare}` });
    }
    t.same(await agent.accepted(), []);
    t.equal((await agent.counters())['outbound_to_self'], before + own.length);
  });

  await t.test("the agent's own listeners in the pod are out of the application's reach", async (t) => {
    for (const [address, port] of [
      ['127.0.0.1', 15001],
      ['::1', 15001],
      ['127.0.0.1', 15006],
      [pod.ipv4, 15006],
    ] as const) {
      t.equal((await call(pod, address, port)).error, 'EPERM', `${address} ${port}`);
    }
    t.same(await agent.accepted(), []);
  });
});

t.test("an application that listens at the agent's port gets nothing of others", { skip: needsRoot }, async (t) => {
  const network = await PodNetwork.create('port');
  removePrograms(network);
  t.teardown(() => network.close());
  const pod = network.addPod('client');
  const server = network.addPod('server');
  await startGreeter(server, 9000);
  const agent = await startStandIn(t, network);
  await agent.enroll(pod);
  await agent.kill();
  await startGreeter(pod, 15001);
  // The heart still beats: only the socket's mark tells that the listener is not the agent's.
  const heir = await StandIn.start(network);
  t.teardown(() => heir.kill());
  t.match(await call(pod, server.ipv4, 9000), { line: `${pod.ipv4} ${server.ipv4}`, error: undefined });
  t.equal((await call(pod, '127.0.0.1', 15001)).line, '127.0.0.1 127.0.0.1', 'the application reaches itself');
});
