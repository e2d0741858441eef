import type { AgentConfig } from './config.ts';
import type { CompileOptions } from './model/compile/index.ts';

type Flags = Pick<
  AgentConfig,
  'node-name' | 'cluster-domain' | 'root-namespace' | 'agent-namespace' | 'gateway-labels' | 'gateway-name' | 'istio-compat'
>;

/** What the compiler must know of the agent, from its settings. */
export function compileOptions(flags: Flags): CompileOptions {
  return {
    nodeName: flags['node-name'],
    clusterDomain: flags['cluster-domain'],
    rootNamespace: flags['root-namespace'],
    agentNamespace: flags['agent-namespace'],
    gatewayLabels: flags['gateway-labels'],
    gatewayName: flags['gateway-name'],
    istioCompat: flags['istio-compat'],
  };
}
