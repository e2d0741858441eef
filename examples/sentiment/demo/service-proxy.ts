/** What kube-proxy does: a connection to a service's address goes to one of its pods, chosen at random, by nftables in each pod. */
import { output } from './command.ts';

export interface ServicePort {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly endpoints: readonly { readonly address: string; readonly port: number }[];
}

const TABLE = 'ip nwd';

export function ruleset(services: readonly ServicePort[]): string {
  const rules = services.map(
    (service) => `    ip daddr ${service.address} tcp dport ${service.port} ${verdict(service)} comment "${service.name}"`,
  );
  // Declared, then deleted, then written anew: one transaction, whether there was a table before or not.
  return [
    `table ${TABLE}`,
    `delete table ${TABLE}`,
    `table ${TABLE} {`,
    '  chain output {',
    '    type nat hook output priority -100; policy accept;',
    ...rules,
    '  }',
    '}',
    '',
  ].join('\n');
}

export async function translateServices(netns: string, services: readonly ServicePort[]): Promise<void> {
  await output(['ip', 'netns', 'exec', netns, 'nft', '-f', '-'], ruleset(services));
}

function verdict({ endpoints }: ServicePort): string {
  // In a nat chain there is no reject: the connection is left to an address that nobody has.
  if (endpoints.length === 0) return 'drop';
  const targets = endpoints.map(({ address, port }, index) => `${index} : ${address} . ${port}`);
  return `dnat ip to numgen random mod ${endpoints.length} map { ${targets.join(', ')} }`;
}
