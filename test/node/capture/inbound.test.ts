/** What comes to an enrolled pod from elsewhere goes to the agent once, and knows who its client is. Needs root. */
import t from 'tap';
import { needsRoot, outcomeOf, PodNetwork, PYTHON } from '../pod-network.ts';
import { call, startGreeter, startNginx } from './programs.ts';
import { removePrograms, startStandIn } from './stand-in.ts';

t.test('inbound', { skip: needsRoot }, async (t) => {
  const network = await PodNetwork.create('inbound');
  removePrograms(network);
  t.teardown(() => network.close());
  const kubelet = network.addCgroup('kubelet');
  const pod = network.addPod('server');
  const neighbour = network.addPod('neighbour');
  const stranger = network.addPod('stranger', ['203.0.113.7/24', '3fff:9::7/64']);
  await startGreeter(pod, 9000);
  await startNginx(pod, (task) => t.teardown(task));
  const agent = await startStandIn(t, network, { sockets: 2 });
  await agent.enroll(pod);
  await agent.enroll(neighbour);

  for (const [address, client] of [
    [pod.ipv4, stranger.ipv4],
    [pod.ipv6, stranger.ipv6],
    [`::ffff:${pod.ipv4}`, stranger.ipv4],
  ] as const) {
    const origin = { ip: address.replace('::ffff:', ''), port: 9000 };

    await t.test(`${address} from a pod that is not enrolled`, async (t) => {
      // The agent's own leg into the pod comes from the pod itself.
      t.match(await call(stranger, address, 9000), { peer: `${address} 9000`, line: `${origin.ip} ${origin.ip}`, error: undefined });
      const accepted = await agent.accepted();
      t.match(accepted, [{ pod: 'server', kind: 'inbound', origin, peer: { ip: client } }], 'once, and the agent knows the client');
    });

    await t.test(`${address} by curl`, async (t) => {
      const url = `http://${address.includes(':') ? `[${address}]` : address}/`;
      t.match(await stranger.run(['curl', '-sgS', '-m', '60', url]), { code: 0, stdout: `${origin.ip} ${origin.ip}\n` });
      t.match(await agent.accepted(), [{ kind: 'inbound', origin: { ip: origin.ip, port: 80 }, peer: { ip: client } }]);
    });

    await t.test(`${address} from an enrolled pod of the node: the agent takes it on the way out, and not again`, async (t) => {
      const from = address.startsWith('fd') ? neighbour.ipv6 : neighbour.ipv4;
      t.match(await call(neighbour, address, 9000), { peer: `${address} 9000`, line: `${from} ${origin.ip}` });
      t.match(await agent.accepted(), [{ pod: 'neighbour', kind: 'outbound', origin }]);
    });

    await t.test(`${address} from the pod itself`, async (t) => {
      t.match(await call(pod, address, 9000), { peer: `${address} 9000`, line: `${origin.ip} ${origin.ip}` });
      t.same(await agent.accepted(), []);
    });
  }

  await t.test('from the outside', async (t) => {
    for (const [address, client] of [
      [pod.ipv4, '203.0.113.7'],
      [pod.ipv6, '3fff:9::7'],
    ] as const) {
      const url = `http://${address.includes(':') ? `[${address}]` : address}/`;
      t.equal((await stranger.run(['curl', '-sgS', '-m', '60', '--interface', client, url])).code, 0);
      t.match(await agent.accepted(), [{ kind: 'inbound', peer: { ip: client } }]);
    }
  });

  await t.test('all sockets of the listening address get connections, and each client is known', async (t) => {
    const many = `import socket
for i in range(64):
    c = socket.create_connection(('${pod.ipv4}', 9000)); print(c.getsockname()[1]); c.makefile().readline()`;
    const { stdout } = await stranger.python(many);
    const accepted = await agent.accepted();
    t.same(new Set(accepted.map(({ socket }) => socket)), new Set([0, 1]));
    t.same(
      accepted.map(({ peer }) => peer.port),
      stdout.trim().split('\n').map(Number),
    );
  });

  await t.test('nobody listens at the port: the connection is closed', async (t) => {
    const { error, line } = await call(stranger, pod.ipv4, 9999);
    t.equal(line, '');
    t.ok(error === undefined || error === 'ECONNRESET', 'closed once the agent found that out');
    t.match(await agent.accepted(), [{ origin: { port: 9999 } }]);
  });

  await t.test("the agent's own port is out of reach from elsewhere", async (t) => {
    t.not((await call(stranger, pod.ipv4, 15006)).error, undefined);
    t.same(await agent.accepted(), []);
  });

  await t.test("the node's health probes are left alone, and only from their cgroup", async (t) => {
    await agent.setProbers(kubelet);
    const probe = (cgroup: string): Promise<{ code: number | null; stdout: string }> =>
      outcomeOf(stranger.start(['curl', '-sgS', '-m', '60', `http://${pod.ipv4}/`, `http://[${pod.ipv6}]/`], { cgroup }));
    const direct = `${stranger.ipv4} ${pod.ipv4}\n${stranger.ipv6} ${pod.ipv6}\n`;
    t.match(await probe(kubelet), { code: 0, stdout: direct }, 'the application sees the prober');
    t.same(await agent.accepted(), []);
    t.match(await probe(network.cgroup), { code: 0, stdout: `${pod.ipv4} ${pod.ipv4}\n${pod.ipv6} ${pod.ipv6}\n` });
    t.equal((await agent.accepted()).length, 2);
    await agent.setProbers();
    t.equal((await probe(kubelet)).code, 0);
    t.equal((await agent.accepted()).length, 2, 'no longer a prober');
  });

  await t.test('a shortcut ends with its connection: its ports, used again by another, are captured', async (t) => {
    await agent.setProbers(kubelet);
    // Both bind the same source port; the address may be used again after the first closed by reset.
    const bound = `import socket, struct
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(('${stranger.ipv4}', 45678)); s.connect(('${pod.ipv4}', 9000))
print(s.makefile().readline().strip()); s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0)); s.close()`;
    const probe = await outcomeOf(stranger.start([PYTHON, '-c', bound], { cgroup: kubelet }));
    t.match(probe, { stdout: `${stranger.ipv4} ${pod.ipv4}\n`, stderr: '' });
    t.same(await agent.accepted(), []);
    t.match(await stranger.python(bound), { stdout: `${pod.ipv4} ${pod.ipv4}\n`, stderr: '' });
    t.match(await agent.accepted(), [{ kind: 'inbound', peer: { ip: stranger.ipv4, port: 45678 } }]);
  });

  await t.test('UDP into the pod is left alone', async (t) => {
    const listen = `import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('', 9000)); print('ready', flush=True)
while True: data, peer = s.recvfrom(99); s.sendto(peer[0].encode(), peer)`;
    await pod.serve([PYTHON, '-c', listen]);
    const ask = `import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(60); s.sendto(b'x', ('${pod.ipv4}', 9000)); print(s.recv(99).decode())`;
    t.equal((await stranger.python(ask)).stdout, `${stranger.ipv4}\n`);
    t.same(await agent.accepted(), []);
  });
});
