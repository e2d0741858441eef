/** The agent's settings. They are read once, from the command line and the environment, and all errors are reported together. */
import { isIP } from 'node:net';
import { hostname, availableParallelism } from 'node:os';
import type { SocketAddress } from '../base/socket-address.ts';
import { type Environment, type Flag, type FlagValues, type Parsed, environmentName, ok, parseFlags, wrong } from './flags.ts';
import { LOG_LEVELS, type LogLevel } from './log-level.ts';

export type Labels = Readonly<Record<string, string>>;

const DEFAULT_ADMIN_ADDRESS: SocketAddress = { ip: '127.0.0.1', port: 15000 };
const DEFAULT_METRICS_ADDRESS: SocketAddress = { ip: '0.0.0.0', port: 15020 };

/** One entry per flag, in the order of the help. */
export const AGENT_FLAGS = {
  manifests: flag<string>(
    'DIR',
    'Directory of Kubernetes and Istio manifests to serve, watched.',
    text,
    '',
    'in a cluster its API server is the source',
    'none',
  ),
  kubeconfig: flag<string>(
    'FILE',
    'Watch the API server that the current context of this file names. With --manifests too: an object of a manifest wins.',
    text,
    '',
    'the service account, in a pod without --manifests',
    'none',
  ),
  'mesh-config': flag<string>(
    'FILE',
    "Istio's MeshConfig from this file, watched, in the place of the ConfigMap `istio` of the agent's namespace.",
    text,
    '',
    'the ConfigMap, where there is one',
    'none',
  ),
  'node-name': flag<string>(
    'NAME',
    'Name of this node, as in spec.nodeName.',
    name,
    hostname(),
    'what the kubelet uses too',
    "the host's name",
  ),
  workers: flag<number>(
    'N',
    'Worker threads.',
    integer(1, 256),
    availableParallelism(),
    'one thread a core',
    'the cores that this process may use',
  ),
  'metrics-address': flag<SocketAddress | null>(
    'IP:PORT',
    'Where /metrics, /healthz and /readyz are served; `none`: nowhere.',
    optionalAddress,
    DEFAULT_METRICS_ADDRESS,
    'where Istio serves merged metrics',
    '0.0.0.0:15020',
  ),
  'metrics-expiry': flag<number>(
    'DURATION',
    'How long metrics stay of peers that have nothing to do with each other any more; 0s: for ever.',
    duration(0, 7 * 24 * 3_600_000),
    3_600_000,
    'longer than the window of any usual query, shorter than pods take to become many',
    '1h',
  ),
  'metrics-values': flag<number>(
    'N',
    'Values of metrics that each worker has room for; what is new beyond is counted under labels that say `overflow`.',
    integer(65_536, 67_108_864),
    1_048_576,
    'two peers take 64 for each way to end: 16 000 pairs, more than the pods of a node have',
  ),
  'slow-request': flag<number>(
    'DURATION',
    'A request without the head of a response for so long is kept to be shown (`nodeway requests`, the console); 0s: none is.',
    duration(0, 3_600_000),
    1000,
    'what people call slow',
    '1s',
  ),
  'admin-address': flag<SocketAddress | null>(
    'IP:PORT',
    'Where the admin endpoint is served; `none`: nowhere.',
    optionalAddress,
    DEFAULT_ADMIN_ADDRESS,
    'as a sidecar; local only, it can stop the agent',
    '127.0.0.1:15000',
  ),
  'admin-socket': flag<string>(
    'PATH',
    'A socket of the file system (mode 0600) at which the admin endpoint is served too.',
    text,
    '',
    'the address is enough where nobody else is on the node',
    'none',
  ),
  'gateway-address': flag<readonly string[]>(
    'IP[,IP]',
    'Addresses at which the ports of Gateways are served.',
    addresses,
    ['0.0.0.0', '::'],
    'a Gateway names ports, not addresses',
    '0.0.0.0,::',
  ),
  'gateway-labels': {
    ...flag<readonly Labels[]>(
      'K=V[,K=V]',
      'Labels that this node shows to the selectors of Gateways. Repeat for alternatives (`;` in the environment).',
      labelSets,
      [{ istio: 'ingressgateway' }, { istio: 'gateway' }],
      "the labels of Istio's own gateway by its two ways of installation",
      'istio=ingressgateway and istio=gateway',
    ),
    repeated: ';',
  },
  'gateway-name': flag<string>(
    'NAME',
    'The workload that the ports of Gateways are in metrics, traces and logs.',
    name,
    'istio-ingressgateway',
    "the name of Istio's own gateway, by which its dashboards ask",
  ),
  'istio-compat': toggle(
    "Honour Istio's own injection labels, and leave pods with a sidecar alone.",
    true,
    'a move from Istio needs no relabelling',
  ),
  'cluster-domain': flag<string>('DOMAIN', "The cluster's DNS domain.", name, 'cluster.local', 'the default of Kubernetes'),
  'root-namespace': flag<string>('NS', "Istio's root namespace.", name, 'istio-system', 'the default of Istio'),
  'agent-namespace': flag<string>(
    'NS',
    'Namespace of the agent; its mesh settings win.',
    name,
    'nodeway-system',
    'where the manifests of Nodeway put it',
  ),
  'write-status': toggle(
    'Write Events, conditions and marks on pods to the API server.',
    true,
    'kubectl describe then says why a rule or a pod does not work',
  ),
  'ambient-annotation': toggle(
    "Annotate captured pods as Istio's ambient mode does, with `ambient.istio.io/redirection: enabled`.",
    false,
    'only Kiali asks for it, which else calls them out of the mesh',
  ),
  capture: toggle('Take over the traffic of enrolled pods. Without: gateways only, no root and no BPF.', true, 'the purpose of the agent'),
  cgroup: flag<string>('PATH', 'Root of the cgroup v2 hierarchy to attach to.', text, '', 'found in /proc/mounts', 'found'),
  'kubelet-cgroup': flag<string>(
    'PATH',
    'Cgroup whose connections into pods are health probes.',
    text,
    '',
    'found from the kubelet process',
    'found',
  ),
  'heartbeat-timeout': flag<number>(
    'DURATION',
    'Without a heartbeat for so long, the kernel sends new connections past the agent.',
    duration(100, 60_000),
    1000,
    'longer than a pause of the collector, shorter than a client waits',
    '1s',
  ),
  'drain-timeout': flag<number>(
    'DURATION',
    'How long SIGTERM waits for requests in flight.',
    duration(0, 3_600_000),
    5000,
    "Istio's drain duration",
    '5s',
  ),
  instance: flag<string>('NAME', 'Name of this agent where several run on one machine.', instance, '', 'one agent a node', 'none'),
  'log-level': flag<LogLevel>(
    LOG_LEVELS.join('|'),
    'Least severity that is logged.',
    oneOf(LOG_LEVELS),
    'info',
    'changes and problems, no traffic',
  ),
  'log-file': flag<string>('FILE', 'Where the log goes; SIGHUP reopens it.', text, '', 'containers log to stdout', 'stdout'),
} as const;

export type AgentConfig = FlagValues<typeof AGENT_FLAGS> & {
  /** The API server of the cluster that the agent runs in, where it is a source; empty: it is not. */
  readonly clusterServer: string;
};

export type ConfigResult = { readonly ok: true; readonly config: AgentConfig } | { readonly ok: false; readonly errors: readonly string[] };

export function parseConfig(args: readonly string[], environment: Environment): ConfigResult {
  const parsed = parseFlags(AGENT_FLAGS, args, environment);
  if (!parsed.ok) return { ok: false, errors: parsed.errors };
  const config = { ...parsed.values, clusterServer: clusterServer(parsed.values, environment) };
  const errors = crossChecks(config, parsed.positionals);
  return errors.length > 0 ? { ok: false, errors } : { ok: true, config };
}

/** The process's environment, for those who parse flags. */
export function processEnvironment(): Environment {
  return process.env;
}

/** Kubernetes tells it to every container. */
function clusterServer({ manifests, kubeconfig }: Pick<AgentConfig, 'manifests' | 'kubeconfig'>, environment: Environment): string {
  const { KUBERNETES_SERVICE_HOST: host = '', KUBERNETES_SERVICE_PORT: port = '443' } = environment;
  if (manifests !== '' || kubeconfig !== '' || host === '') return '';
  return `https://${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
}

function crossChecks(config: AgentConfig, positionals: readonly string[]): string[] {
  const errors = positionals.map((extra) => `${extra}: not expected; every setting is a flag`);
  if (config.manifests === '' && config.kubeconfig === '' && config.clusterServer === '') {
    const variables = `${environmentName('manifests')} or ${environmentName('kubeconfig')}`;
    errors.push(
      `--manifests or --kubeconfig: needed outside of a cluster, a directory of manifests or a kubeconfig file (or set ${variables})`,
    );
  }
  const { 'admin-address': admin, 'metrics-address': metrics } = config;
  if (admin !== null && metrics !== null && admin.port !== 0 && admin.port === metrics.port && admin.ip === metrics.ip) {
    errors.push('--admin-address: the same as --metrics-address');
  }
  return errors;
}

function flag<T>(value: string, help: string, parse: (text: string) => Parsed<T>, byDefault: T, why: string, shown?: string): Flag<T> {
  return { value, help, parse, default: byDefault, why, ...(shown === undefined ? {} : { shown }) };
}

function toggle(help: string, byDefault: boolean, why: string): Flag<boolean> {
  return { help, parse: boolean, default: byDefault, why };
}

function text(value: string): Parsed<string> {
  return value === '' ? wrong('is empty') : ok(value);
}

function name(value: string): Parsed<string> {
  return /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/i.test(value)
    ? ok(value)
    : wrong(`"${value}" is not a name (letters, digits, "-" and ".")`);
}

function instance(value: string): Parsed<string> {
  return /^[a-z0-9-]{1,32}$/.test(value) ? ok(value) : wrong(`"${value}" is not a name of up to 32 small letters, digits and "-"`);
}

function boolean(value: string): Parsed<boolean> {
  if (value === 'true' || value === '1') return ok(true);
  if (value === 'false' || value === '0') return ok(false);
  return wrong(`"${value}" is neither true nor false`);
}

function integer(least: number, most: number): (value: string) => Parsed<number> {
  return (value) => {
    const number = /^\d+$/.test(value) ? Number(value) : NaN;
    return number >= least && number <= most ? ok(number) : wrong(`"${value}" is not a whole number from ${least} to ${most}`);
  };
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

function duration(least: number, most: number): (value: string) => Parsed<number> {
  return (value) => {
    const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(value);
    if (match === null) return wrong(`"${value}" is not a duration (like 500ms, 5s or 1m)`);
    const milliseconds = Math.round(Number(match[1]) * (UNITS[match[2] as string] as number));
    return milliseconds >= least && milliseconds <= most ? ok(milliseconds) : wrong(`"${value}" is not from ${least}ms to ${most}ms`);
  };
}

function oneOf<T extends string>(choices: readonly T[]): (value: string) => Parsed<T> {
  return (value) => {
    const choice = choices.find((candidate) => candidate === value);
    return choice === undefined ? wrong(`"${value}" is not one of ${choices.join(', ')}`) : ok(choice);
  };
}

/** `1.2.3.4:80` or `[::1]:80`. */
function socketAddress(value: string): Parsed<SocketAddress> {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(value);
  const ip = match?.[1] ?? match?.[2] ?? '';
  const port = Number(match?.[3] ?? NaN);
  const family = match?.[1] === undefined ? 4 : 6;
  if (isIP(ip) !== family || !(port <= 65535)) return wrong(`"${value}" is not IP:PORT (an IPv6 address stands in brackets)`);
  return ok({ ip, port });
}

function optionalAddress(value: string): Parsed<SocketAddress | null> {
  return value === 'none' ? ok(null) : socketAddress(value);
}

function addresses(value: string): Parsed<readonly string[]> {
  const list = value.split(',').map((entry) => entry.trim());
  const bad = list.filter((entry) => isIP(entry) === 0);
  return bad.length === 0 ? ok(list) : wrong(`${bad.map((entry) => `"${entry}"`).join(', ')}: not an IP address`);
}

function labelSets(value: string): Parsed<readonly Labels[]> {
  const sets: Labels[] = [];
  for (const part of value.split(';')) {
    const entries = part.split(',').map((pair) => pair.trim().split('='));
    const keys = new Set(entries.map(([key]) => key));
    if (entries.some((pair) => pair.length !== 2 || pair[0] === '') || keys.size !== entries.length) {
      return wrong(`"${part}" is not a list like istio=ingressgateway,team=web with each key once`);
    }
    sets.push(Object.fromEntries(entries as [string, string][]));
  }
  return ok(sets);
}
