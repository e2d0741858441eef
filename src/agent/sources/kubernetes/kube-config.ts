/**
 * Access by a kubeconfig file. `@kubernetes/client-node` reads it and authenticates: certificates, tokens, exec plugins, OIDC,
 * proxies. The package is loaded here and only when there is such a file (docs/adr/0053-kubernetes-client.md has its price).
 */
import type { KubeConfig } from '@kubernetes/client-node';
import type { RequestOptions } from 'node:https';
import type { AccessOptions, ApiAccess } from './access.ts';

export class KubeConfigAccess implements ApiAccess {
  readonly server: string;
  readonly #load: () => KubeConfig;
  #config: KubeConfig;
  #isStale = false;

  private constructor(load: () => KubeConfig) {
    this.#load = load;
    this.#config = load();
    this.server = serverOf(this.#config);
  }

  /** Throws, with a message for the author of the file, if it cannot be used. */
  static async open(file: string): Promise<KubeConfigAccess> {
    const { KubeConfig } = await import('@kubernetes/client-node');
    return new KubeConfigAccess(() => {
      const config = new KubeConfig();
      config.loadFromFile(file);
      return config;
    });
  }

  async options(): Promise<AccessOptions> {
    // A new object has none of the tokens that the old one keeps: the file, and what its plugins say, count again.
    if (this.#isStale) this.#config = this.#load();
    this.#isStale = false;
    const options: RequestOptions = { headers: {} };
    await this.#config.applyToHTTPSOptions(options);
    // The package keeps its agent with the first certificate that it saw; only a proxy needs it.
    if (this.#config.getCurrentCluster()?.proxyUrl === undefined) delete options.agent;
    return { ...options, headers: trimmed(options.headers) };
  }

  renew(): void {
    this.#isStale = true;
  }
}

function serverOf(config: KubeConfig): string {
  const context = config.getCurrentContext();
  const server = config.getCurrentCluster()?.server;
  if (server === undefined || !URL.canParse(server))
    throw new Error(`its current context "${context ?? ''}" names no cluster with a server`);
  return server.replace(/\/+$/, '');
}

/** Token files end with a newline, which no header may have. */
function trimmed(headers: RequestOptions['headers']): Record<string, string> {
  return Object.fromEntries(Object.entries(headers ?? {}).map(([name, value]) => [name, String(value).trim()]));
}
