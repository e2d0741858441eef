/**
 * Where services and calls are drawn: in layers from left to right, callers before those whom they call. The same services and calls
 * get the same places, in whatever order they come.
 */
import { Graph, layout } from '@dagrejs/dagre';

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Layout {
  readonly width: number;
  readonly height: number;
  /** Their centres, by id; from left to right. */
  readonly places: ReadonlyMap<string, Point>;
  /** By `from to`. */
  readonly ways: ReadonlyMap<string, Way>;
}

export interface Way {
  /** An SVG path. */
  readonly path: string;
  readonly end: Point;
  /** Where its numbers stand. */
  readonly label: Point;
}

export interface Pair {
  readonly from: string;
  readonly to: string;
}

export interface Sizes {
  readonly width: number;
  readonly height: number;
  /** Of the numbers of a call; null: there are none. */
  readonly label: { readonly width: number; readonly height: number } | null;
}

const MARGIN = 28;
/** Before the arrow's tip, whose line should end within it. */
const TIP = 7;
/** How far it goes straight on before it bends. */
const BEND = 16;

export function layoutOf(ids: Iterable<string>, pairs: readonly Pair[], { width, height, label }: Sizes): Layout {
  const graph = new Graph({ multigraph: false });
  graph.setGraph({
    rankdir: 'LR',
    nodesep: height * 0.6,
    edgesep: 14,
    ranksep: label === null ? 90 : 48,
    marginx: MARGIN,
    marginy: MARGIN,
  });
  for (const id of [...ids].sort()) graph.setNode(id, { width, height });
  for (const { from, to } of [...pairs].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))) {
    graph.setEdge(from, to, label === null ? {} : { ...label, labelpos: 'c' });
  }
  layout(graph);
  const places = graph.nodes().map((id): [string, Point] => [id, { x: graph.node(id).x ?? 0, y: graph.node(id).y ?? 0 }]);
  const ways = graph.edges().map((edge): [string, Way] => {
    const { points = [], x, y } = graph.edge(edge) as { readonly points?: readonly Point[]; readonly x?: number; readonly y?: number };
    const ends = sides(graph.node(edge.v), graph.node(edge.w), width);
    const bent = ends === null ? points : [ends[0], beside(ends[0], BEND), ...points.slice(1, -1), beside(ends[1], -BEND), ends[1]];
    return [`${edge.v} ${edge.w}`, wayOf(bent, x === undefined || y === undefined ? null : { x, y })];
  });
  const box = graph.graph() as { readonly width?: number; readonly height?: number };
  return {
    width: Math.max(width, box.width ?? 0),
    height: Math.max(height, box.height ?? 0),
    places: new Map(places.sort(([, a], [, b]) => a.x - b.x || a.y - b.y)),
    ways: new Map(ways),
  };
}

/** A call to the right leaves in the middle of the right side and comes in the middle of the left one. Null: it goes elsewhere. */
function sides(from: Partial<Point>, to: Partial<Point>, width: number): [Point, Point] | null {
  const [left, right] = [(to.x ?? 0) - width / 2, (from.x ?? 0) + width / 2];
  return left > right
    ? [
        { x: right, y: from.y ?? 0 },
        { x: left, y: to.y ?? 0 },
      ]
    : null;
}

const beside = ({ x, y }: Point, dx: number): Point => ({ x: x + dx, y });

const keyOf = ({ from, to }: Pair): string => `${from} ${to}`;

/** Through the middles between the points, so that it bends softly and stays near them. */
function wayOf(points: readonly Point[], label: Point | null): Way {
  const first = points[0] ?? { x: 0, y: 0 };
  const end = points.at(-1) ?? first;
  const last = before(end, points.at(-2) ?? first);
  const inner = points.slice(1, -1);
  const parts = inner.map((point, index) => {
    const next = inner[index + 1];
    const to = next === undefined ? last : { x: (point.x + next.x) / 2, y: (point.y + next.y) / 2 };
    return `Q${text(point)} ${text(to)}`;
  });
  const path = `M${text(first)}${parts.join('')}${inner.length === 0 ? `L${text(last)}` : ''}`;
  return { path, end, label: label ?? points[Math.floor(points.length / 2)] ?? first };
}

function before(end: Point, from: Point): Point {
  const length = Math.hypot(end.x - from.x, end.y - from.y);
  const share = length === 0 ? 0 : Math.min(1, TIP / length);
  return { x: end.x + (from.x - end.x) * share, y: end.y + (from.y - end.y) * share };
}

const text = ({ x, y }: Point): string => `${x.toFixed(1)},${y.toFixed(1)}`;
