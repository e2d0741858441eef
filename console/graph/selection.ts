/** Which services are drawn: all of a small mesh; of a large one those around a service, or those that one should look at. */
import { type Link, type Mesh, toneOf } from './model.ts';

/** As many as a screen shows legibly. */
export const MOST_AT_ONCE = 40;
const LOOKED_AT = 24;

export interface Wanted {
  /** In the middle; empty: nobody. */
  readonly focus: string;
  /** How many calls away from it. */
  readonly depth: number;
  readonly all: boolean;
}

/** Ids. @param before what was drawn last: it stays while it is there, so that the drawing does not change by itself. */
export function select(mesh: Mesh, links: readonly Link[], { focus, depth, all }: Wanted, before: ReadonlySet<string>): Set<string> {
  if (focus !== '' && mesh.services.has(focus)) return around(focus, depth, links);
  if (all || mesh.services.size <= MOST_AT_ONCE) return new Set(mesh.services.keys());
  const troubled = links.filter(({ errorShare }) => toneOf(errorShare) === 'bad');
  const kept = [...before].filter((id) => mesh.services.has(id));
  if (kept.length > 0 && kept.length <= 2 * MOST_AT_ONCE) return withAll(new Set(kept), troubled, 2 * MOST_AT_ONCE);
  const byWeight = [...links].sort((a, b) => b.perSecond * (b.errorShare + 0.01) - a.perSecond * (a.errorShare + 0.01));
  return withAll(withAll(new Set(), troubled, LOOKED_AT), byWeight, LOOKED_AT);
}

function withAll(ids: Set<string>, links: readonly Link[], most: number): Set<string> {
  for (const { from, to } of links) {
    if (ids.size >= most) break;
    ids.add(from).add(to);
  }
  return ids;
}

function around(focus: string, depth: number, links: readonly Link[]): Set<string> {
  let edge = new Set([focus]);
  const found = new Set(edge);
  for (let step = 0; step < depth; step++) {
    const next = links.flatMap(({ from, to }) => [...(edge.has(from) ? [to] : []), ...(edge.has(to) ? [from] : [])]);
    edge = new Set(next.filter((id) => !found.has(id)));
    for (const id of edge) found.add(id);
  }
  return found;
}
