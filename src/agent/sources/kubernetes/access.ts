/** How requests reach the API server and say who they come from. */
import { readFile } from 'node:fs/promises';
import type { RequestOptions } from 'node:https';
import { join } from 'node:path';

/** Credentials and trust. */
export type AccessOptions = Omit<RequestOptions, 'headers'> & { readonly headers: Readonly<Record<string, string>> };

export interface ApiAccess {
  /** `https://host:port`, perhaps with a path. */
  readonly server: string;
  /** As they are now. */
  options(): Promise<AccessOptions>;
  /** The server has refused the credentials: they are read again before the next request. */
  renew(): void;
}

/** Where the kubelet puts the credentials of a pod, and replaces the token before it expires. */
const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

/** The service account of the pod that the agent runs in. Two small files, read for each request: requests are few. */
export class InClusterAccess implements ApiAccess {
  readonly server: string;
  readonly #directory: string;

  constructor(server: string, directory = SERVICE_ACCOUNT) {
    this.server = server;
    this.#directory = directory;
  }

  async options(): Promise<AccessOptions> {
    const [token, ca] = await Promise.all([readFile(join(this.#directory, 'token'), 'utf8'), readFile(join(this.#directory, 'ca.crt'))]);
    return { ca, headers: { Authorization: `Bearer ${token.trim()}` } };
  }

  renew(): void {}
}
