/**
 * The direction of imports:
 *
 *   src/main.ts → src/cli → src/agent → src/l7       → src/base
 *                                     → src/datapath → src/base      l7 and datapath never see each other
 */
const error = (name, comment, from, to) => ({ name, comment, severity: 'error', from, to });

module.exports = {
  forbidden: [
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
      { path: '^src/l7/(http1|http2|exchange|routing)/' },
      { path: '^(node:)?(net|tls|http|https|http2|fs|fs/promises|timers|timers/promises|dgram|child_process|worker_threads)$' },
    ),
    error(
      'no-cycles',
      'A cycle has no direction. One that only types make is gone at run time.',
      { path: '^src/' },
      { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    ),
    error(
      'production-only',
      'What is imported at run time is a dependency, not a tool.',
      { path: '^src/' },
      { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'] },
    ),
    error('resolves', 'A path that leads nowhere.', { path: '^src/' }, { couldNotResolve: true }),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'types', 'default'],
      extensions: ['.ts', '.js', '.json', '.d.ts'],
    },
    combinedDependencies: false,
  },
};
