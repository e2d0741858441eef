/** The programs of the cluster. `scripts/e2e` builds them and says where they are. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const FOLDER = process.env['E2E_PROGRAMS'] ?? '';

/** The whole Kubernetes serves the tests of the API too. */
export function kubeProgram(): string {
  return program(existsSync(join(FOLDER, 'nwt-kube')) ? 'nwt-kube' : 'nwt-kube-api');
}

export function program(name: string): string {
  const path = join(FOLDER, name);
  if (FOLDER === '' || !existsSync(path)) throw new Error(`${name} has not been built: run this test by scripts/e2e`);
  return path;
}
