import t from 'tap';
import { AGENT_FLAGS, parseConfig } from '../../src/agent/config.ts';
import { describeFlags, environmentName } from '../../src/agent/flags.ts';

const NEEDED = ['--manifests', '/tmp/m'];

function accepted(args: readonly string[], environment: Record<string, string> = {}) {
  const result = parseConfig(args, environment);
  if (!result.ok) throw new Error(result.errors.join('\n'));
  return result.config;
}

function refused(args: readonly string[], environment: Record<string, string> = {}): readonly string[] {
  const result = parseConfig(args, environment);
  return result.ok ? [] : result.errors;
}

t.test('values that are understood', async (t) => {
  const cases: [string[], string, unknown][] = [
    [['--workers', '3'], 'workers', 3],
    [['--metrics-values', '65536'], 'metrics-values', 65_536],
    [['--metrics-address', '127.0.0.1:0'], 'metrics-address', { ip: '127.0.0.1', port: 0 }],
    [['--admin-address=[::1]:15000'], 'admin-address', { ip: '::1', port: 15000 }],
    [['--admin-address', 'none'], 'admin-address', null],
    [['--gateway-address', '10.0.0.1,fd00::1'], 'gateway-address', ['10.0.0.1', 'fd00::1']],
    [['--gateway-name', 'edge'], 'gateway-name', 'edge'],
    [['--gateway-labels', 'a=b,c=d'], 'gateway-labels', [{ a: 'b', c: 'd' }]],
    [['--gateway-labels', 'a=b', '--gateway-labels', 'c=d'], 'gateway-labels', [{ a: 'b' }, { c: 'd' }]],
    [['--istio-compat'], 'istio-compat', true],
    [['--no-istio-compat'], 'istio-compat', false],
    [['--istio-compat=false'], 'istio-compat', false],
    [['--heartbeat-timeout', '1.5s'], 'heartbeat-timeout', 1500],
    [['--drain-timeout', '0s'], 'drain-timeout', 0],
    [['--log-level', 'debug'], 'log-level', 'debug'],
    [['--instance', 'test-1'], 'instance', 'test-1'],
  ];
  for (const [args, flag, expected] of cases) {
    t.strictSame(accepted([...NEEDED, ...args])[flag as 'workers'], expected, args.join(' '));
  }
});

t.test('values that are refused, with the flag named', async (t) => {
  const cases: [string[], RegExp][] = [
    [['--workers', '0'], /--workers: "0" is not a whole number from 1/],
    [['--metrics-values', '1000'], /--metrics-values: "1000" is not a whole number from 65536/],
    [['--workers', '1e1'], /--workers/],
    [['--workers'], /--workers: needs a value/],
    [['--metrics-address', '15020'], /--metrics-address: .*IP:PORT/],
    [['--metrics-address', '::1:15020'], /--metrics-address: .*brackets/],
    [['--admin-address', '127.0.0.1:70000'], /--admin-address/],
    [['--admin-address', '0.0.0.0:15020'], /--admin-address: the same as --metrics-address/],
    [['--gateway-address', 'eth0'], /--gateway-address: "eth0"/],
    [['--gateway-labels', 'istio'], /--gateway-labels/],
    [['--gateway-labels', 'istio=a,istio=b'], /--gateway-labels/],
    [['--istio-compat=perhaps'], /--istio-compat: "perhaps" is neither true nor false/],
    [['--heartbeat-timeout', '5'], /--heartbeat-timeout: "5" is not a duration/],
    [['--heartbeat-timeout', '1ms'], /--heartbeat-timeout/],
    [['--log-level', 'loud'], /--log-level: "loud" is not one of trace/],
    [['--instance', 'A/B'], /--instance/],
    [['--node', 'x'], /--node: no such flag; did you mean --node-name/],
    [['--workers', '1', '--workers', '2'], /--workers: given twice/],
    [['extra'], /extra: not expected/],
    [['--kubeconfig', ''], /--kubeconfig: is empty/],
  ];
  for (const [args, message] of cases) t.match(refused([...NEEDED, ...args]).join('\n'), message, args.join(' '));
  t.match(refused([]).join('\n'), /--manifests or --kubeconfig: needed outside of a cluster.*NODEWAY_MANIFESTS/);
});

t.test('the API server of the own cluster is the source where nothing else is named', async (t) => {
  const pod = { KUBERNETES_SERVICE_HOST: '10.96.0.1', KUBERNETES_SERVICE_PORT: '6443' };
  t.equal(accepted([], pod).clusterServer, 'https://10.96.0.1:6443');
  t.equal(accepted([], { ...pod, KUBERNETES_SERVICE_HOST: 'fd00::1' }).clusterServer, 'https://[fd00::1]:6443');
  t.equal(accepted(NEEDED, pod).clusterServer, '', 'manifests only');
  t.equal(accepted(['--kubeconfig', 'x'], pod).clusterServer, '');
  t.equal(accepted(['--kubeconfig', 'x']).kubeconfig, 'x', 'no manifests needed');
});

t.test('all errors come at once', async (t) => {
  t.equal(refused(['--workers', 'x', '--log-level', 'y', '--frobnicate'], { NODEWAY_CAPTURE: 'z' }).length, 4);
});

t.test('every flag has its environment variable, and the command line wins', async (t) => {
  const environment = { NODEWAY_MANIFESTS: '/e', NODEWAY_WORKERS: '2', NODEWAY_GATEWAY_LABELS: 'a=b;c=d', NODEWAY_CAPTURE: 'false' };
  const config = accepted(['--workers', '4'], environment);
  t.equal(config.manifests, '/e');
  t.equal(config.workers, 4);
  t.equal(config.capture, false);
  t.strictSame(config['gateway-labels'], [{ a: 'b' }, { c: 'd' }]);
  t.equal(accepted(NEEDED, { NODEWAY_LOG_LEVEL: '' })['log-level'], 'info', 'an empty variable is as good as none');
  t.match(refused(NEEDED, { NODEWAY_WORKERS: 'many' }).join(), /NODEWAY_WORKERS: "many"/);
});

t.test('the help names every flag, its default and the reason', async (t) => {
  const help = describeFlags(AGENT_FLAGS);
  for (const [name, flag] of Object.entries(AGENT_FLAGS)) {
    t.ok(help.includes(flag.value === undefined ? `--[no-]${name}` : `--${name} `), name);
    t.ok(help.includes(`(${flag.why})`), `${name}: reason`);
    t.match(environmentName(name), /^NODEWAY_[A-Z_]+$/);
  }
});
