/** Who a pod or service is, in names of metrics and logs. */
/** The names of a pod in metrics and logs; `unknown` where Istio says so. */
export interface Identity {
  readonly workload: string;
  readonly namespace: string;
  readonly pod: string;
  readonly app: string;
  readonly version: string;
  readonly canonicalService: string;
  readonly canonicalRevision: string;
  readonly serviceAccount: string;
}

/** A peer that is not a known pod. */
export const UNKNOWN_IDENTITY: Identity = {
  workload: 'unknown',
  namespace: 'unknown',
  pod: 'unknown',
  app: 'unknown',
  version: 'unknown',
  canonicalService: 'unknown',
  canonicalRevision: 'latest',
  serviceAccount: 'unknown',
};

export interface ServiceRef {
  /** Fully qualified host. */
  readonly host: string;
  readonly name: string;
  readonly namespace: string;
  readonly port: number;
}

/** Of the ports of Gateways, which are nobody's pod: what Istio's own gateway says of itself by its labels. */
export function gatewayIdentity(name: string, namespace: string): Identity {
  return { ...UNKNOWN_IDENTITY, workload: name, namespace, app: name, canonicalService: name };
}
