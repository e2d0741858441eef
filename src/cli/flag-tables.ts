/** The flags of each command. They load nothing of what the command does, so that help and completion know them too. */
import { AGENT_FLAGS } from '../agent/config.ts';
import { type Flag, type FlagTable, type Parsed, ok, wrong } from '../agent/flags.ts';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;

const OUTPUT: Flag<'text' | 'json'> = {
  value: 'text|json',
  help: 'How to print.',
  parse: (text) => (text === 'text' || text === 'json' ? ok(text) : wrong(`"${text}" is neither text nor json`)),
  default: 'text',
  why: 'for people',
};

/** Of commands that ask the running agent. */
export const CLIENT_FLAGS = {
  'admin-address': AGENT_FLAGS['admin-address'],
  'admin-socket': AGENT_FLAGS['admin-socket'],
  output: OUTPUT,
} satisfies FlagTable;

/** Of commands that are given manifests: what the compiler must know of the agent. */
export const MANIFEST_FLAGS = {
  output: OUTPUT,
  'node-name': AGENT_FLAGS['node-name'],
  'cluster-domain': AGENT_FLAGS['cluster-domain'],
  'root-namespace': AGENT_FLAGS['root-namespace'],
  'agent-namespace': AGENT_FLAGS['agent-namespace'],
  'gateway-labels': AGENT_FLAGS['gateway-labels'],
  'gateway-name': AGENT_FLAGS['gateway-name'],
  'istio-compat': AGENT_FLAGS['istio-compat'],
} satisfies FlagTable;

/** Of commands that look after a node without an agent. */
export const NODE_FLAGS = {
  instance: AGENT_FLAGS.instance,
  cgroup: AGENT_FLAGS.cgroup,
  'kubelet-cgroup': AGENT_FLAGS['kubelet-cgroup'],
  brief: toggle('Print only what is missing.', 'all is of interest'),
} satisfies FlagTable;

export const CLUSTER_FLAGS = {
  ...CLIENT_FLAGS,
  service: text('HOST', 'Only clusters of this host, or of one that begins so up to a dot.', 'all'),
} satisfies FlagTable;

export const EXPLAIN_FLAGS = {
  ...CLIENT_FLAGS,
  header: { ...text('"NAME: VALUE"', 'A header of the request (also -H); repeat for more.', 'none'), repeated: '\n' },
  address: text('IP', 'Where the connection would go, if its name is none of a Service.', 'that of the Service'),
} satisfies FlagTable;

export const REQUESTS_FLAGS = {
  ...CLIENT_FLAGS,
  slow: toggle('Only those whose response came late.', 'both kinds'),
  failed: toggle('Only those that failed.', 'both kinds'),
} satisfies FlagTable;

export const TAP_FLAGS = {
  ...CLIENT_FLAGS,
  pod: text('NAMESPACE/NAME', 'Requests that it sends or receives.', 'all'),
  path: text('PREFIX', 'What the path begins with.', 'any'),
  method: text('METHOD', 'The method.', 'any'),
  status: text('STATUS', 'As 503, or 5xx.', 'any'),
  service: text('HOST', 'The host of the service, or its beginning up to a dot.', 'any'),
  count: number('N', 'End after so many; 0: never.', 0, 'until you leave'),
} satisfies FlagTable;

export const TOP_FLAGS = {
  ...CLIENT_FLAGS,
  interval: number('SECONDS', 'Between two tables.', 2, 'people read no faster'),
  count: number('N', 'End after so many tables; 0: never.', 0, 'until you leave'),
} satisfies FlagTable;

function toggle(help: string, why: string): Flag<boolean> {
  return { help, parse: AGENT_FLAGS.capture.parse, default: false, why };
}

/** Empty: not given. */
function text(value: string, help: string, why: string): Flag<string> {
  return { value, help, parse: (given): Parsed<string> => (given === '' ? wrong('is empty') : ok(given)), default: '', why, shown: 'none' };
}

function number(value: string, help: string, byDefault: number, why: string): Flag<number> {
  const parse = (given: string): Parsed<number> =>
    /^\d{1,6}$/.test(given) ? ok(Number(given)) : wrong(`"${given}" is not a whole number`);
  return { value, help, parse, default: byDefault, why };
}
