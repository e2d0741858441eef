/** Of objects that are known by their metadata, the part that is read: the rest is several times as much, for every object of a cluster. */
import type { Item } from './requests.ts';

interface Metadata {
  readonly annotations?: Readonly<Record<string, string>>;
  readonly managedFields?: unknown;
}

export function neededMetadata<M extends Item['metadata']>(metadata: M & Metadata): M {
  const { managedFields: _, annotations, ...rest } = metadata;
  const own = Object.entries(annotations ?? {}).filter(([name]) => name.startsWith('nodeway.io/'));
  return { ...rest, ...(own.length > 0 && { annotations: Object.fromEntries(own) }) } as unknown as M;
}
