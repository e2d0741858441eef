import { spawnSync } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { podRoutes } from '../../src/agent/admin/pod-routes.ts';
import type { AgentStatus } from '../../src/agent/admin/status.ts';
import { describeCheck } from '../../src/cli/check.ts';
import { routes } from '../../src/cli/routes.ts';
import { describeStatus, status } from '../../src/cli/status.ts';
import { table } from '../../src/cli/terminal.ts';
import { toldText } from '../../src/cli/told-text.ts';
import { CommandError } from '../../src/base/errors.ts';
import { literal } from '../../src/l7/message/wire-text.ts';
import { UNKNOWN_IDENTITY } from '../../src/l7/config/identity.ts';
import type { VirtualHostConfig } from '../../src/l7/config/route.ts';
import type { ScopeConfig } from '../../src/l7/config/workload.ts';
import type { Snapshot } from '../../src/l7/snapshot.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

function nodeway(...args: string[]) {
  const { status: code, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], { encoding: 'utf8' });
  return { code, stdout, stderr };
}

t.test('what the command line says, and with which exit code', async (t) => {
  t.match(nodeway(), { code: 0, stdout: /nodeway agent \[--manifests DIR\]/ });
  t.match(nodeway('help', 'agent'), { code: 0, stdout: /--heartbeat-timeout DURATION/ });
  t.match(nodeway('agent', '--help'), { code: 0, stdout: /--\[no-\]capture/ });
  t.match(nodeway('version'), { code: 0, stdout: /^nodeway \d+\.\d+\.\d+ \(Node\.js v/ });
  t.match(nodeway('frobnicate'), { code: 2, stdout: '', stderr: /there is no command "frobnicate"; commands: agent, / });
  t.match(nodeway('help', 'frobnicate'), { code: 2 });
  t.match(nodeway('agent', '--workers', '0', '--frob'), { code: 2, stderr: /--frob.*\n.*--workers|--workers.*\n.*--frob/s });
  t.match(nodeway('agent', '--manifests', '/no/such'), { code: 2, stderr: /--manifests: there is no directory \/no\/such/ });
  t.match(nodeway('agent', '--kubeconfig', '/no/such'), { code: 2, stderr: /--kubeconfig: \/no\/such cannot be used: ENOENT/ });
  t.match(nodeway('status', '--admin-address', '127.0.0.1:1'), { code: 1, stderr: /no agent at 127\.0\.0\.1:1 \(nothing listens there\)/ });
  t.match(nodeway('status', '-o', 'xml'), { code: 2, stderr: /--output: "xml"/ });
  t.match(nodeway('cleanup', 'everything'), { code: 2, stderr: /everything: not expected/ });
});

const STATUS: AgentStatus = {
  version: '1.0.0',
  pid: 7,
  node: 'n1',
  uptimeSeconds: 300,
  ready: false,
  draining: false,
  gates: [{ gate: 'captured', open: false, awaited: 'pods' }],
  snapshot: 3,
  propagation: { pending: 1, total: 9, oldestSeconds: 65 },
  lastError: { at: 5500, message: 'VirtualService a/b: is wrong' },
  workers: [
    { index: 0, phase: 'running', version: 3, listeners: 4, silentMs: 1, longestPauseSeconds: 0, longestWorkSeconds: 0 },
    { index: 1, phase: 'starting', version: 0, listeners: 0, silentMs: 1, longestPauseSeconds: 0, longestWorkSeconds: 0 },
  ],
  workerRestarts: 1,
  pods: [
    { pod: 'a/in', enrolled: true, reason: 'annotation of the pod', phase: 'captured', capturedAt: 0, error: '', addresses: ['10.0.0.1'] },
    { pod: 'a/out', enrolled: false, reason: 'nothing asks for it', phase: 'absent', capturedAt: null, error: '', addresses: [] },
    { pod: 'a/bad', enrolled: true, reason: 'label', phase: 'absent', capturedAt: null, error: 'no namespace', addresses: [] },
  ],
  gateways: [{ port: 80, address: '0.0.0.0', listening: false, error: 'another process listens' }],
  problems: [{ severity: 'error', object: 'VirtualService a/b', path: 'spec.http[0]', message: 'is wrong', where: 'f.yaml:3:1' }],
  sources: [
    { source: 'k', resource: 'services', scope: '', state: 'followed', staleSeconds: 0, error: 'long ago', events: 3, lists: 1, bytes: 1 },
    { source: 'k', resource: 'gateways', scope: '', state: 'absent', staleSeconds: 0, error: '', events: 0, lists: 1, bytes: 1 },
    {
      source: 'k',
      resource: 'pods',
      scope: 'a: app=b',
      state: 'unreachable',
      staleSeconds: 90,
      error: 'refused',
      events: 4,
      lists: 2,
      bytes: 1,
    },
  ],
};

const HOST: VirtualHostConfig = {
  layer: 'mesh',
  port: 80,
  name: 'web.a.svc.cluster.local:80',
  domains: ['web.a'],
  local: null,
  routes: [
    {
      name: 'r',
      match: {
        path: { kind: 'prefix', value: '/api' },
        headers: [{ name: 'x', match: { kind: 'present' }, invert: true }],
      },
      action: {
        kind: 'route',
        destinations: [
          { cluster: 'one', weight: 3 },
          { cluster: 'two', weight: 1 },
        ],
        mirrors: [{ cluster: 'three', share: 500_000 }],
        timeoutMs: 100,
        retry: null,
      },
    },
    { name: 'q', match: {}, action: { kind: 'redirect', code: 301, path: literal('/new') } },
  ],
};
/** Another pod's, and one that the pod's own layer hides. */
const UNSEEN = [
  { ...HOST, layer: 'clients b', name: 'of others' },
  { ...HOST, layer: 'mesh', name: 'hidden', domains: ['own'] },
];
const OWN: VirtualHostConfig = { ...HOST, layer: 'clients s', name: 'own', domains: ['own'] };
const SCOPE: ScopeConfig = { namespace: 'a', outboundTrafficPolicy: 'ALLOW_ANY', layers: ['clients s', 'mesh'] };
const RECORDS: Snapshot['records'] = {
  workloads: new Map([['a/in', { scope: 's', addresses: [], inbound: {}, identity: UNKNOWN_IDENTITY }]]),
  scopes: new Map([['s', SCOPE]]),
  virtualHosts: new Map([HOST, OWN, ...UNSEEN].map((host) => [host.name, host])),
  addresses: new Map(),
  gateways: new Map(),
  clusters: new Map(),
};

t.test('status and routes ask a running agent', async (t) => {
  const server = createServer(({ url = '' }, response) => {
    if (url === '/status') return void response.end(JSON.stringify(STATUS));
    const seen = podRoutes({ records: RECORDS }, new URL(url, 'http://agent').searchParams.get('pod') ?? '');
    if (seen === null) response.writeHead(404).end('a/none is not enrolled\n');
    else response.end(JSON.stringify(seen));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  t.teardown(() => void server.close());
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const said = async (run: typeof status, ...args: string[]): Promise<string> => {
    let text = '';
    const terminal = { stdout: { write: (part: string) => (text += part) }, stderr: { write: () => {} } };
    t.equal(await run({ args: [...args, '--admin-address', address], environment: {}, terminal }), 0);
    return text;
  };
  t.strictSame(JSON.parse(await said(status, '-o', 'json')), STATUS);
  t.equal(await said(status), describeStatus(STATUS));
  const text = await said(routes, 'a/in');
  t.match(
    text,
    /web\.a\.svc\.cluster\.local:80 +path \^ \/api and not header x present +75% one \+ 25% two; mirror 50% three; timeout 100ms/,
  );
  t.match(text, /any +redirect 301 to \/new/);
  t.notMatch(text, /hidden|of others/);
  t.strictSame(JSON.parse(await said(routes, 'a/in', '-ojson')), { scope: SCOPE, virtualHosts: { 80: [OWN, HOST] } });
  await t.rejects(said(routes, 'a/none'), new CommandError(1, 'a/none is not enrolled'));
});

t.test('what status tells a person', async (t) => {
  const text = describeStatus(STATUS);
  for (const line of [
    /not ready: captured \(pods\); version 1\.0\.0, node n1, pid 7, up 5m/,
    /1 running, 1 starting; 1 replaced/,
    /config +version 3; 1 change pending for 65s; 1 problem; last error at 1970-01-01T00:00:05.500Z/,
    /a\/in +captured +10\.0\.0\.1 +annotation of the pod/,
    /a\/out +not enrolled +nothing asks for it/,
    /a\/bad +failed +no namespace/,
    /0\.0\.0\.0:80 +another process listens/,
    /sources +2 of 3 resources of the API server are up to date/,
    /pods +a: app=b +unreachable +90s +refused/,
    /error +VirtualService a\/b +spec\.http\[0\] +is wrong +f\.yaml:3:1/,
  ]) {
    t.match(text, line);
  }
  t.notMatch(text, /long ago|gateways +absent/, 'what is followed, or is not there, needs no line');
});

t.test('what check tells a person', async (t) => {
  const text = describeCheck([
    { name: 'kernel', ok: true, detail: '6.1', advice: '' },
    { name: 'BTF', ok: false, detail: 'not there', advice: 'use another kernel' },
  ]);
  t.equal(text, 'ok       kernel 6.1\nmissing  BTF    not there\n                do: use another kernel\n');
});

t.test('tables', async (t) => {
  t.equal(table(['A', 'B'], []), '');
  t.equal(
    table(
      ['A', 'B'],
      [
        ['long', 'x'],
        ['y', ''],
      ],
    ),
    'A     B\nlong  x\ny\n',
  );
});

t.test('completion knows every command and its flags', (t) => {
  for (const shell of ['bash', 'zsh', 'fish']) {
    const { code, stdout } = nodeway('completion', shell);
    t.equal(code, 0);
    for (const word of ['explain', 'log-level', 'heartbeat-timeout', 'no-capture', 'trace debug'])
      t.match(stdout, word, `${shell}: ${word}`);
  }
  const script = `${nodeway('completion', 'bash').stdout}\nCOMP_WORDS=(nodeway tap --st); COMP_CWORD=2; _nodeway; echo "\${COMPREPLY[@]}"`;
  t.equal(spawnSync('bash', ['-c', script], { encoding: 'utf8' }).stdout, '--status\n');
  t.match(nodeway('completion', 'tcsh'), { code: 2, stderr: /needs one of bash, zsh, fish/ });
  t.end();
});

t.test('what a client sent does not move the cursor of a terminal', (t) => {
  const peer = { pod: 'unknown', namespace: 'unknown', workload: 'unknown', service: 'unknown', version: 'latest' };
  const line = toldText({
    ...{ at: 0, side: 'outbound', source: { ...peer, pod: 'a/b' }, destination: peer, client: '10.0.0.1', target: '10.0.0.2:80' },
    ...{
      method: 'GET',
      authority: 'shop',
      path: '/\x1b[2J\x9b',
      protocol: 'HTTP/1.1',
      service: 's',
      route: 'r',
      cluster: '',
      endpoint: '',
    },
    ...{ attempts: 2, tried: [], status: 0, grpcStatus: null, flags: 'DC', details: 'downstream_remote_disconnect', requestBytes: 0 },
    ...{ responseBytes: 0, sentAfterMs: null, answeredAfterMs: null, durationMs: 12.4, requestId: '', traceId: '' },
  });
  const told = 'none DC downstream_remote_disconnect  12ms  a/b -> nobody  GET shop/\\x1b[2J\\x9b  route r  2 attempts\n';
  t.equal(line, `00:00:00.000  ${told}`);
  t.end();
});
