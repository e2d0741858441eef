/**
 * Strings that many records of a change repeat (namespaces, versions, hosts, cluster ids), kept once: each message brings copies of
 * its own, and at a cluster's size they would be most of what a worker holds.
 */
import { Memo } from '../../base/memo.ts';
import type { BalancerConfig, ClusterConfig, EndpointConfig } from '../config/cluster.ts';
import type { Identity, ServiceRef } from '../config/identity.ts';
import type { DestinationConfig } from '../config/workload.ts';
import type { EndpointsDelta } from '../snapshot.ts';

/** Enough for what repeats; when it is full, it starts again. */
const MOST = 32_768;

const SIMPLE: readonly BalancerConfig[] = [{ kind: 'round-robin' }, { kind: 'least-request' }, { kind: 'random' }];

function shared(balancer: BalancerConfig): BalancerConfig {
  if ('warmup' in balancer) return balancer;
  return SIMPLE.find(({ kind }) => kind === balancer.kind) ?? balancer;
}

export class SharedStrings {
  #known = new Memo<string>(MOST);

  share(text: string): string {
    return this.#known.get(text, () => text);
  }

  clear(): void {
    this.#known = new Memo(MOST);
  }

  cluster(config: ClusterConfig): ClusterConfig {
    const { id, name, service, balancer } = config;
    return { ...config, name: name === id ? id : name, service: this.#service(service), balancer: shared(balancer) };
  }

  destination(config: DestinationConfig): DestinationConfig {
    const protocol = this.share(config.protocol) as DestinationConfig['protocol'];
    const { rules } = config;
    if (rules !== undefined) return { ...config, protocol };
    if (config.to === 'cluster') return { to: 'cluster', protocol, cluster: this.share(config.cluster) };
    return config.opaque === undefined ? { to: 'host', protocol } : { to: 'host', protocol, opaque: this.share(config.opaque) };
  }

  endpoints({ cluster, set, remove }: EndpointsDelta): EndpointsDelta {
    return { cluster, set: set.map((endpoint) => this.#endpoint(endpoint)), remove };
  }

  #endpoint(config: EndpointConfig): EndpointConfig {
    return { ...config, identity: this.#identity(config.identity) };
  }

  #identity(identity: Identity): Identity {
    return {
      workload: this.share(identity.workload),
      namespace: this.share(identity.namespace),
      pod: identity.pod,
      app: this.share(identity.app),
      version: this.share(identity.version),
      canonicalService: this.share(identity.canonicalService),
      canonicalRevision: this.share(identity.canonicalRevision),
      serviceAccount: this.share(identity.serviceAccount),
    };
  }

  #service({ host, name, namespace, port }: ServiceRef): ServiceRef {
    return { host: this.share(host), name: this.share(name), namespace: this.share(namespace), port };
  }
}
