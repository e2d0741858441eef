/** The commands. Each is loaded only when somebody asks for it. */
import type { Command } from './command.ts';

export const COMMANDS: Readonly<Record<string, Command>> = {
  agent: {
    usage: 'agent [--manifests DIR] [--kubeconfig FILE] [FLAGS]',
    summary: 'Run the agent of this node.',
    load: async () => (await import('./agent.ts')).agent,
  },
  check: {
    usage: 'check [--brief] [--cgroup PATH] [--kubelet-cgroup PATH]',
    summary: 'Look whether this node has what the agent needs; says what to do where not.',
    load: async () => (await import('./check.ts')).check,
  },
  validate: {
    usage: 'validate FILE|DIR|-… [-o text|json]',
    summary: 'Check manifests; exit code 1 where one has an error.',
    load: async () => (await import('./validate.ts')).validate,
  },
  analyze: {
    usage: 'analyze FILE|DIR|-… [-o text|json]',
    summary: 'Look for what is wrong among manifests: missing destinations, shadowed rules, conflicts.',
    load: async () => (await import('./analyze.ts')).analyze,
  },
  status: {
    usage: 'status [-o text|json] [--admin-address IP:PORT]',
    summary: 'What the running agent does: pods, gateways, objects with problems.',
    load: async () => (await import('./status.ts')).status,
  },
  routes: {
    usage: 'routes NAMESPACE/POD [-o text|json] [--admin-address IP:PORT]',
    summary: 'The routes that apply to what a pod sends.',
    load: async () => (await import('./routes.ts')).routes,
  },
  cleanup: {
    usage: 'cleanup [--instance NAME] [--cgroup PATH]',
    summary: 'Remove everything that an agent left on this node.',
    load: async () => (await import('./cleanup.ts')).cleanup,
  },
};
