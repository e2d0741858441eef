import t from 'tap';
import { BUCKETS } from '../../../src/l7/record/stats.ts';
import { endpointOf, identityOf, ok, OUTBOUND, Rig, route } from './rig.ts';

/** The enrolled pod `default/app`; http service `web` and tcp service `db`, of which `web` is on this node and enrolled too. */
function podRig(): Rig {
  const rig = new Rig().cluster('web', []).cluster('db', ['10.0.0.2:3306']);
  rig.apply({ endpoints: { web: [{ ...endpointOf('10.0.0.1:8080', 'default/web'), identity: identityOf('web') }] } });
  rig.scope(
    { 80: { routes: [route('/', 'web')], domains: ['web'] } },
    {
      '10.96.0.1:80': { to: 'cluster', protocol: 'http', cluster: 'web' },
      '10.96.0.2:3306': { to: 'cluster', protocol: 'tcp', cluster: 'db' },
    },
  );
  rig.engine.listen(
    { kind: 'outbound', id: 7, fd: -1, workload: 'default/app', netns: 5, cookie: '42' },
    { address: OUTBOUND.ip, port: OUTBOUND.port },
  );
  return rig;
}

/** Sums of a histogram, by reporter. */
function sums(rig: Rig, name: string): Record<string, number> {
  const found = rig.series.filter((series) => series.name === name);
  return Object.fromEntries(
    found.map(({ cell, labels }) => [labels['reporter'] as string, rig.stats.cells[cell + BUCKETS.length + 1] as number]),
  );
}

t.test("bytes of requests and responses are those of the client's wire, heads included, for both reporters", async (t) => {
  const rig = podRig();
  rig.serve('10.0.0.1:8080', () => ok('0123456789'));
  rig.destinations.push({ ip: '10.96.0.1', port: 80 });
  const client = rig.transport.dial(OUTBOUND);
  const request = 'POST / HTTP/1.1\r\nHost: web\r\nContent-Length: 5\r\n\r\nhello';
  client.write(request);
  rig.run();
  const response = client.takeText();
  t.match(response, /0123456789$/);
  t.strictSame(sums(rig, 'istio_request_bytes'), { source: request.length, destination: request.length });
  t.strictSame(sums(rig, 'istio_response_bytes'), { source: response.length, destination: response.length });
});

t.test('a long connection is counted every five seconds, and every byte once', async (t) => {
  const rig = podRig();
  rig.destinations.push({ ip: '10.96.0.2', port: 3306 });
  const servers: { write(text: string): void; end(): void }[] = [];
  rig.transport.serve({ ip: '10.0.0.2', port: 3306 }, (peer) => servers.push(peer));
  const client = rig.transport.dial(OUTBOUND);
  client.write('question');
  rig.run();
  servers[0]?.write('answer');
  rig.run();
  t.equal(rig.count('istio_tcp_received_bytes_total'), 0);
  rig.advance(5000);
  t.equal(rig.count('istio_tcp_received_bytes_total'), 'question'.length);
  t.equal(rig.count('istio_tcp_sent_bytes_total'), 'answer'.length);
  client.write('more');
  rig.run();
  client.end();
  servers[0]?.end();
  rig.run();
  t.equal(rig.count('istio_tcp_received_bytes_total'), 'questionmore'.length);
  t.equal(rig.count('istio_tcp_connections_closed_total'), 1);
  rig.advance(20_000);
  t.equal(rig.count('istio_tcp_sent_bytes_total'), 'answer'.length);
});
