/** The gateway that stands for all clients inside. */
export const MESH = 'mesh';

/** `name`, `namespace/name`, and the old `name.namespace.svc.cluster.local`, in full. */
export function gatewayName(name: string, namespace: string): string {
  if (name === MESH || name.includes('/')) return name;
  const [first, second] = name.split('.', 2);
  return `${second ?? namespace}/${first}`;
}
