/** Where the objects come from, by the settings. */
import type { Clock } from '../base/clock.ts';
import { CommandError, ExitCode, messageOf } from '../base/errors.ts';
import type { AgentConfig } from './config.ts';
import type { ObjectSource } from './model/sink.ts';
import { ApiClient } from './sources/kubernetes/api-client.ts';
import { type ApiAccess, InClusterAccess } from './sources/kubernetes/access.ts';
import { KubeConfigAccess } from './sources/kubernetes/kube-config.ts';
import { KubernetesSource } from './sources/kubernetes/source.ts';
import { MeshFileSource } from './sources/mesh-file.ts';
import { ManifestSource } from './sources/manifests.ts';
import { ownVersion } from './version.ts';

export interface Sources {
  readonly sources: readonly ObjectSource[];
  /** The API server, for those who write to it; null: none, or nothing may be written. */
  readonly api: ApiClient | null;
}

/** The first of those that give an object wins: manifests are there to say something else than the cluster. */
export async function openSources(config: AgentConfig, clock: Clock): Promise<Sources> {
  const sources: ObjectSource[] = [];
  const meshFile = config['mesh-config'];
  if (meshFile !== '') sources.push(new MeshFileSource(meshFile, config['agent-namespace'], clock));
  if (config.manifests !== '') sources.push(new ManifestSource(config.manifests, clock));
  const access = await openAccess(config);
  if (access !== null) {
    const settingsNamespaces = [config['root-namespace'], config['agent-namespace']];
    const userAgent = `nodeway/${ownVersion()}`;
    const options = { access, clock, userAgent, random: Math.random, nodeName: config['node-name'], settingsNamespaces };
    sources.push(new KubernetesSource(options));
  }
  const api = access === null || !config['write-status'] ? null : new ApiClient(access, clock, `nodeway/${ownVersion()}`);
  return { sources, api };
}

async function openAccess({ kubeconfig, clusterServer }: AgentConfig): Promise<ApiAccess | null> {
  if (kubeconfig === '') return clusterServer === '' ? null : new InClusterAccess(clusterServer);
  try {
    return await KubeConfigAccess.open(kubeconfig);
  } catch (error) {
    throw new CommandError(ExitCode.Usage, `--kubeconfig: ${kubeconfig} cannot be used: ${messageOf(error)}`, { cause: error });
  }
}
