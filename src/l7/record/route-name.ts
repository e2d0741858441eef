/** What Istio calls the route of an HTTP request, in logs, headers and spans. */
import type { FallbackService } from './exchange-record.ts';

/** Of requests to destinations that no rule and no service has (Istio's allow_any and block_all). */
const UNROUTED: Readonly<Partial<Record<FallbackService, string>>> = { PassthroughCluster: 'allow_any', BlackHoleCluster: 'block_all' };

/**
 * @param route null: none was chosen. One of a VirtualService without a name has an empty one.
 * @param inbound at the callee, whose only route is `default`.
 */
export function routeName(route: { readonly name: string } | null, inbound: boolean, fallbackService: FallbackService): string {
  if (route !== null) return route.name;
  return inbound ? 'default' : (UNROUTED[fallbackService] ?? '');
}
