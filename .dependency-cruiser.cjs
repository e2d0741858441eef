/**
 * The direction of imports:
 *
 *   src/main.ts → src/cli → src/agent → src/l7       → src/base
 *                                     → src/datapath → src/base      l7 and datapath never see each other
 *   console ─ ─ types of what it is answered ─ ─ ▶ src
 *
 * and within src/l7 one way too: see ROOMS. Imports of types count like any other: a reader has to follow them just the same.
 */
const error = (name, comment, from, to) => ({ name, comment, severity: 'error', from, to });

/**
 * The folders and files of src/l7, lowest first, each with those that it may import besides itself and src/base. What is not listed
 * may not exist.
 */
const ROOMS = {
  'transport-numbers.ts': [],
  'transport.ts': ['transport-numbers.ts'],
  transport: ['transport.ts', 'transport-numbers.ts'],
  'send.ts': ['transport.ts'],
  'engine-port.ts': ['transport.ts'],
  'fault-count.ts': [],
  message: ['transport.ts'],
  'limits.ts': ['message'],
  config: ['message'],
  'snapshot.ts': ['config', 'message'],
  packed: ['config', 'snapshot.ts'],
  tracing: ['message', 'config'],
  'access-log': ['record', 'message', 'config', 'snapshot.ts'],
  record: ['message', 'config', 'snapshot.ts'],
  tap: ['access-log', 'record', 'message', 'config', 'snapshot.ts'],
  http1: ['message', 'limits.ts', 'send.ts', 'transport.ts'],
  'tls-hello': [],
  http2: ['http1', 'message', 'limits.ts', 'send.ts', 'transport.ts'],
  routing: ['message', 'config', 'snapshot.ts'],
  upstream: ['http2', 'http1', 'message', 'limits.ts', 'send.ts', 'config', 'snapshot.ts', 'transport.ts'],
  runtime: ['routing', 'upstream', 'packed', 'message', 'limits.ts', 'config', 'snapshot.ts'],
  tcp: ['message', 'limits.ts', 'send.ts', 'transport.ts'],
  exchange: [
    'tcp',
    'tracing',
    'access-log',
    'tap',
    'runtime',
    'routing',
    'upstream',
    'record',
    'message',
    'limits.ts',
    'config',
    'snapshot.ts',
    'transport.ts',
    'engine-port.ts',
  ],
  explain: [
    ...['exchange', 'runtime', 'routing', 'upstream', 'http1', 'message', 'limits.ts', 'config', 'snapshot.ts', 'transport.ts'],
    'engine-port.ts',
  ],
  'question.ts': ['explain', 'upstream'],
  'stack.ts': ['exchange', 'runtime', 'message', 'config', 'snapshot.ts'],
  downstream: [
    ...['stack.ts', 'exchange', 'access-log', 'tcp', 'runtime', 'upstream', 'record', 'http2', 'http1', 'tls-hello', 'message'],
    ...['limits.ts', 'send.ts', 'config', 'snapshot.ts', 'transport.ts', 'engine-port.ts'],
  ],
  'engine.ts': [
    ...['downstream', 'stack.ts', 'exchange', 'access-log', 'tap', 'tracing', 'tcp', 'runtime', 'upstream', 'record', 'http2', 'http1'],
    ...[
      'explain',
      'question.ts',
      'message',
      'limits.ts',
      'fault-count.ts',
      'send.ts',
      'config',
      'snapshot.ts',
      'transport.ts',
      'engine-port.ts',
    ],
  ],
};

/** A pattern of these rooms' modules. */
const inRooms = (rooms) =>
  `^src/l7/(${rooms.map((room) => (room.endsWith('.ts') ? `${room.replace('.', '\\.')}$` : `${room}/`)).join('|')})`;

const roomRules = Object.entries(ROOMS).map(([room, others]) => ({
  name: `l7/${room}`,
  comment: `src/l7/${room} may import: ${others.join(', ') || 'nothing else of src/l7'}.`,
  severity: 'error',
  from: { path: inRooms([room]) },
  to: { path: '^src/l7/', pathNot: inRooms([room, ...others]) },
}));

module.exports = {
  forbidden: [
    ...roomRules,
    error(
      'l7-rooms-are-listed',
      'A new folder or file of src/l7 says in ROOMS what it may import.',
      { path: '^src/' },
      { path: '^src/l7/', pathNot: inRooms(Object.keys(ROOMS)) },
    ),
    error('base-imports-base', 'src/base knows nobody.', { path: '^src/base/' }, { path: '^src/', pathNot: '^src/base/' }),
    error(
      'l7-is-a-library',
      'The engine knows neither Kubernetes nor BPF.',
      { path: '^src/l7/' },
      { path: '^src/', pathNot: '^src/(l7|base)/' },
    ),
    error(
      'datapath-is-a-library',
      'BPF knows nothing of HTTP.',
      { path: '^src/datapath/' },
      { path: '^src/', pathNot: '^src/(datapath|base)/' },
    ),
    error(
      'agent-below-cli',
      'The agent is run by the command line, not the other way.',
      { path: '^src/agent/' },
      { path: '^src/(cli/|main\\.ts)' },
    ),
    error(
      'model-knows-no-agent',
      'Objects and their meaning depend on no source, no pod and no endpoint of ours: whoever needs the model imports it.',
      { path: '^src/agent/model/' },
      { path: '^src/agent/', pathNot: '^src/agent/model/' },
    ),
    error(
      'sources-fill-the-model',
      'A source brings objects, and knows nobody but who takes them.',
      { path: '^src/agent/sources/' },
      { path: '^src/agent/', pathNot: '^src/agent/(sources|model)/' },
    ),
    error('cli-below-main', 'Nothing imports the entry.', { path: '^src/' }, { path: '^src/main\\.ts$' }),
    error(
      'cli-sees-agent',
      'A command asks the agent, not its parts.',
      { path: '^src/cli/' },
      { path: '^src/l7/', dependencyTypesNot: ['type-only'] },
    ),
    error(
      'codecs-are-sans-io',
      'Bytes in, events out.',
      { path: '^src/l7/(http1|http2|tls-hello|exchange|routing)/' },
      { path: '^(node:)?(net|tls|http|https|http2|fs|fs/promises|timers|timers/promises|dgram|child_process|worker_threads)$' },
    ),
    error(
      'no-cycles',
      'A cycle has no direction. Types count: a reader has to follow them like anything else.',
      { path: '^(src|console)/' },
      { circular: true },
    ),
    error(
      'production-only',
      'What is imported at run time is a dependency, not a tool.',
      { path: '^src/' },
      { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'] },
    ),
    error(
      'console-asks-the-agent',
      'The console runs in a browser: all that it knows of the agent are the types of its answers, and their words.',
      { path: '^console/' },
      { path: '^src/', pathNot: '^src/agent/admin/route-text\\.ts$', dependencyTypesNot: ['type-only'] },
    ),
    error(
      'console-runs-in-a-browser',
      'Nothing of Node.js, and only packages whose licenses go with the page.',
      { path: '^console/', pathNot: '^console/build\\.ts$' },
      { dependencyTypes: ['core', 'npm-dev', 'npm-no-pkg', 'npm-unknown'] },
    ),
    error('nobody-needs-the-console', 'It is served as files.', { path: '^src/' }, { path: '^console/' }),
    error('resolves', 'A path that leads nowhere.', { path: '^(src|console)/' }, { couldNotResolve: true }),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'types', 'default'],
      extensions: ['.ts', '.tsx', '.js', '.json', '.d.ts'],
    },
    combinedDependencies: false,
  },
};
