/** The agent and its engine between real programs in pods. Needs root. */
import t from 'tap';
import { call, startGreeter, startNginx } from '../capture/programs.ts';
import { needsRoot, type Pod, PodNetwork, PYTHON } from '../pod-network.ts';
import { AgentProcess, istioObject, podObject, serviceObject } from './agent-process.ts';

const WEB = '10.96.0.10';
const DATA = '10.96.0.11';

t.test('traffic', { skip: needsRoot }, async (t) => {
  const network = await PodNetwork.create('traffic');
  const agent = await AgentProcess.create(network);
  t.teardown(async () => {
    if (!t.passing()) t.comment(agent.log);
    await agent.close();
    await network.close();
  });
  const names = ['client', 'web1', 'web2', 'data', 'stranger'];
  const [client, web1, web2, data, stranger] = names.map((name) => network.addPod(name)) as [Pod, Pod, Pod, Pod, Pod];
  for (const pod of [web1, web2]) await startNginx(pod, (task) => t.teardown(task), `${pod.name} $host`);
  await startGreeter(data, 9000);
  await agent.apply('pods.json', podObject(client, 'client'), podObject(data, 'data'));
  await agent.apply('web.json', podObject(web1, 'web', { version: 'v1' }), podObject(web2, 'web', { version: 'v2' }));
  await agent.apply('services.json', serviceObject('web', WEB, { http: 80 }), serviceObject('data', DATA, { tcp: 9000 }));
  await agent.apply(
    'routes.json',
    istioObject('VirtualService', 'web', {
      hosts: ['web'],
      http: [
        { match: [{ uri: { prefix: '/two' } }], route: [{ destination: { host: 'web', subset: 'v2' } }] },
        { match: [{ uri: { exact: '/gone' } }], redirect: { uri: '/two' } },
        { route: [{ destination: { host: 'web', subset: 'v1' } }] },
      ],
    }),
    istioObject('DestinationRule', 'web', {
      host: 'web',
      subsets: ['v1', 'v2'].map((version) => ({ name: version, labels: { version } })),
    }),
  );
  await agent.start();
  const curl = (pod: Pod, url: string, ...words: string[]): Promise<{ code: number | null; stdout: string }> =>
    pod.run(['curl', '-sS', '-m', '60', '-w', ' %{http_code}', '-H', 'Host: web.shop', ...words, url]);
  const requests = (reporter: string): Promise<number> => agent.metric('istio_requests_total', { reporter });

  await t.test('a request to a service goes where its VirtualService says', async (t) => {
    for (let i = 0; i < 10; i++) {
      t.match(await curl(client, `http://${WEB}/one`), { code: 0, stdout: 'web1 web.shop\n 200' });
      t.match(await curl(client, `http://${WEB}/two`), { code: 0, stdout: 'web2 web.shop\n 200' });
    }
    t.match(await curl(client, `http://${WEB}/gone`), { stdout: / 301$/ });
  });

  await t.test('same-node traffic is counted once by each reporter', async (t) => {
    const before = [await requests('source'), await requests('destination')] as const;
    for (let i = 0; i < 5; i++) await curl(client, `http://${WEB}/one`);
    t.equal((await requests('source')) - before[0], 5);
    t.equal((await requests('destination')) - before[1], 5);
  });

  await t.test('a client that is not enrolled is captured on the way in, and counted there', async (t) => {
    const before = [await requests('source'), await requests('destination')] as const;
    const captured = await agent.metric('nodeway_datapath_verdicts_total', { reason: 'inbound_captured' });
    for (let i = 0; i < 5; i++) t.match(await curl(stranger, `http://${web2.ipv4}/one`), { code: 0, stdout: 'web2 web.shop\n 200' });
    t.equal((await requests('source')) - before[0], 0);
    t.equal((await requests('destination')) - before[1], 5);
    t.equal((await agent.metric('nodeway_datapath_verdicts_total', { reason: 'inbound_captured' })) - captured, 5);
  });

  await t.test('a server that speaks first is heard, by its service and by its address', async (t) => {
    for (const address of [DATA, data.ipv4]) {
      const { peer, line } = await call(client, address, 9000);
      t.equal(peer, `${address} 9000`);
      t.equal(line, `${client.ipv4} ${data.ipv4}`);
    }
    t.equal((await call(stranger, data.ipv4, 9000)).error, undefined);
  });

  await t.test('bytes that look like TLS, and bytes like nothing, arrive as they were sent', async (t) => {
    const echo = `import socket, sys
l = socket.create_server(('', int(sys.argv[1]))); print('ready', flush=True)
while True:
    c, _ = l.accept()
    while data := c.recv(65536): c.sendall(data)
    c.close()`;
    const ask = `import hashlib, os, socket, sys
for head in (b'\\x16\\x03\\x01\\x02\\x00\\x01\\x00\\x01\\xfc\\x03\\x03', b'SSH-2.0-x\\r\\n', b'\\x00\\xff' * 8):
    sent = head + os.urandom(300000)
    s = socket.create_connection((sys.argv[1], int(sys.argv[2])), 60); got = b''
    import threading
    threading.Thread(target=lambda: (s.sendall(sent), s.shutdown(socket.SHUT_WR))).start()
    while part := s.recv(65536): got += part
    print(got == sent)`;
    await data.serve([PYTHON, '-c', echo, '9443']);
    for (const pod of [client, stranger]) t.equal((await pod.python(ask, data.ipv4, '9443')).stdout, 'True\nTrue\nTrue\n');
  });

  await t.test('a large body arrives whole in both directions', async (t) => {
    const size = 8 * 1024 * 1024;
    const sink = `from http.server import *
class H(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def do_POST(self):
        body = self.rfile.read(int(self.headers['content-length'])); self.send_response(200); self.send_header('content-length', str(len(body))); self.end_headers(); self.wfile.write(body)
    def log_message(self, *_): pass
s = ThreadingHTTPServer(('', 8080), H); print('ready', flush=True); s.serve_forever()`;
    await data.serve([PYTHON, '-c', sink]);
    const ask = `import os, urllib.request
sent = os.urandom(${size})
print(urllib.request.urlopen(urllib.request.Request('http://${data.ipv4}:8080/', data=sent), timeout=60).read() == sent)`;
    t.match(await client.python(ask), { stdout: 'True\n', stderr: '' });
  });

  await t.test('a pod that is enrolled later is captured, and let go when it no longer is', async (t) => {
    const before = await requests('source');
    await agent.apply('stranger.json', podObject(stranger, 'stranger'));
    t.match(await curl(stranger, `http://${WEB}/two`), { code: 0, stdout: 'web2 web.shop\n 200' });
    t.equal((await requests('source')) - before, 1);
    await agent.apply('stranger.json', podObject(stranger, 'stranger', { enrolled: false }));
    t.match(await curl(stranger, `http://${web1.ipv4}/`), { stdout: 'web1 web.shop\n 200' });
    t.equal((await requests('source')) - before, 1);
  });

  await t.test('asked to stop it ends with 0, and the pods talk on', async (t) => {
    t.equal(await agent.stop(), 0);
    t.match(await curl(client, `http://${web1.ipv4}/`), { code: 0, stdout: 'web1 web.shop\n 200' });
    const { code, stdout } = await agent.command('cleanup', '--instance', agent.instance);
    t.equal(code, 0);
    t.match(stdout, /removed /);
  });
});
