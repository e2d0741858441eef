import t from 'tap';
import { podRoutes } from '../../../src/agent/admin/pod-routes.ts';
import type { Snapshot } from '../../../src/l7/snapshot.ts';
import { route, virtualHost } from '../../l7/engine/rig.ts';

t.test('the routes of Gateways are those of their ports, and of nobody else', async (t) => {
  const hosts = [
    virtualHost('entry', 80, [route('/', 'web')], ['shop.example']),
    virtualHost('entry', 8080, [route('/', 'other')]),
    virtualHost('mesh', 80, [route('/', 'inside')]),
  ];
  const records = {
    gateways: new Map([
      ['80', { port: 80, layer: 'entry' }],
      ['81', { port: 81, layer: 'entry' }],
    ]),
    virtualHosts: new Map(hosts.map((host, index) => [String(index), host])),
    workloads: new Map(),
    scopes: new Map(),
  } as unknown as Snapshot['records'];
  t.strictSame(podRoutes({ records }, 'gateway'), { scope: null, virtualHosts: { 80: [hosts[0]], 81: [] } });
  t.equal(podRoutes({ records }, 'default/gateway'), null);
});
