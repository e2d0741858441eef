/** The graph as a picture: services are links, one for each; calls are lines, whose numbers stand in the panel and the table too. */
import type { JSX } from 'preact';
import { useMemo } from 'preact/hooks';
import { bytes, milliseconds, percent, plural, rate } from '../parts/format.ts';
import { hashOf } from '../shell/location.ts';
import { type Layout, layoutOf, type Point, type Sizes, type Way } from './layout.ts';
import { type Call, type Link, protocolName, type Service, toneOf } from './model.ts';

const LABELLED: Sizes = { width: 176, height: 48, label: { width: 132, height: 32 } };
const DENSE: Sizes = { width: 176, height: 34, label: null };
/** With more services there is no room for the numbers of calls. */
const MOST_LABELLED = 26;
/** Of a name, as far as it fits. */
const LONGEST_NAME = 21;
/** Of the small text, at its widest on average. */
const CHARACTER = 5.9;

/** `auto`: smaller where it is too wide, as long as it can be read. `fit`: all of it at once. */
export type Scale = number | 'auto' | 'fit';

/** Of 11 pixels, the smallest text, some 10 are left. */
const LEAST_LEGIBLE = 0.9;

interface DrawingProps {
  readonly services: readonly Service[];
  readonly links: readonly Link[];
  /** Its id; empty: none. */
  readonly chosen: string;
  readonly scale: Scale;
  readonly query: Readonly<Record<string, string>>;
}

export function Drawing({ services, links, chosen, scale, query }: DrawingProps): JSX.Element {
  const sizes = services.length > MOST_LABELLED ? DENSE : LABELLED;
  const layout = useLayout(services, links, sizes);
  const near = chosen === '' ? null : neighbours(chosen, links);
  const fade = (isNear: boolean): string => (near === null || isNear ? '' : 'faded');
  const byId = new Map(services.map((service) => [service.id, service]));
  const lines = links
    .flatMap((link) => {
      const way = layout.ways.get(`${link.from} ${link.to}`);
      return way === undefined ? [] : [{ link, way, isNear: touches(link, chosen) }];
    })
    .sort((a, b) => Number(a.isNear) - Number(b.isNear));
  return (
    <svg
      role="group"
      aria-label={`${plural(services.length, 'service')} and the calls between them; the table says the same in rows`}
      viewBox={`0 0 ${layout.width} ${layout.height}`}
      style={sizeOf(layout, scale)}
    >
      {lines.map(({ link, way, isNear }) => (
        <Line key={`${link.from} ${link.to}`} link={link} way={way} className={fade(isNear)} />
      ))}
      {lines
        .filter(({ isNear }) => sizes.label !== null || isNear)
        .map(({ link, way, isNear }) => (
          <Numbers key={`${link.from} ${link.to}`} link={link} at={way.label} className={fade(isNear)} />
        ))}
      {[...layout.places].map(([id, place]) => {
        const service = byId.get(id);
        const className = `${fade(near?.has(id) ?? true)} ${id === chosen ? 'chosen' : ''}`;
        return service && <Box key={id} service={service} place={place} sizes={sizes} className={className} query={query} />;
      })}
    </svg>
  );
}

/** Set on the element by script: the page's security policy lets no `style` attribute pass. */
function sizeOf({ width, height }: Layout, scale: Scale): Record<string, string> {
  if (scale === 'fit') return { width: '100%', height: '100%' };
  if (scale !== 'auto') return { width: `${width * scale}px`, height: `${height * scale}px` };
  return { width: '100%', height: 'auto', minWidth: `${Math.round(width * LEAST_LEGIBLE)}px`, maxWidth: `${Math.round(width * 1.15)}px` };
}

/** Only other services or calls make another layout; new numbers do not. */
function useLayout(services: readonly Service[], links: readonly Link[], sizes: Sizes): Layout {
  const ids = services.map(({ id }) => id).sort();
  const key = JSON.stringify([ids, links.map(({ from, to }) => `${from} ${to}`).sort(), sizes]);
  return useMemo(() => layoutOf(ids, links, sizes), [key]);
}

const touches = ({ from, to }: Link, id: string): boolean => from === id || to === id;

function neighbours(id: string, links: readonly Link[]): Set<string> {
  return new Set([id, ...links.filter((link) => touches(link, id)).flatMap(({ from, to }) => [from, to])]);
}

interface LineProps {
  readonly link: Link;
  readonly way: Way;
  readonly className: string;
}

function Line({ link, way, className }: LineProps): JSX.Element {
  const { path, end } = way;
  return (
    <g class={edgeClass(link, className)} aria-hidden="true">
      <title>{link.calls.map((call) => `${link.from} → ${link.to}: ${inWords(call)}`).join('\n')}</title>
      <path class="hit" d={path} />
      <path d={path} stroke-width={widthOf(link.perSecond)} />
      <path class="tip" d={`M${end.x - 9},${end.y - 4.5}L${end.x},${end.y}L${end.x - 9},${end.y + 4.5}Z`} />
    </g>
  );
}

const edgeClass = ({ errorShare, isSilent }: Link, more: string): string =>
  `edge ${toneOf(errorShare)} ${isSilent ? 'silent' : ''} ${more}`;

interface NumbersProps {
  readonly link: Link;
  readonly at: Point;
  readonly className: string;
}

/** Over all lines, on a ground of their own. */
function Numbers({ link, at, className }: NumbersProps): JSX.Element {
  const { calls, perSecond, errorShare } = link;
  const [first] = calls as readonly [Call];
  const protocols = [...new Set(calls.map(({ protocol }) => protocolName(protocol)))].join(', ');
  const load = first.p50 === null ? bytes(calls.reduce((sum, call) => sum + call.bytesPerSecond, 0)) : rate(perSecond);
  const errors = errorShare > 0 ? percent(errorShare) : '';
  const latency = first.p50 === null || first.p99 === null ? '' : `p50 ${milliseconds(first.p50)} · p99 ${milliseconds(first.p99)}`;
  const width = CHARACTER * Math.max(protocols.length + load.length + errors.length + 5, latency.length) + 6;
  return (
    <g class={edgeClass(link, className)} aria-hidden="true">
      <rect class="ground" x={at.x - width / 2} y={at.y - 15} width={width} height={latency === '' ? 17 : 30} rx="3" />
      <text x={at.x} y={at.y - 3}>
        {`${protocols} ${load}/s `}
        <tspan class="error">{errors}</tspan>
        {latency !== '' && (
          <tspan x={at.x} dy="13">
            {latency}
          </tspan>
        )}
      </text>
    </g>
  );
}

interface BoxProps {
  readonly service: Service;
  readonly place: Point;
  readonly sizes: Sizes;
  readonly className: string;
  readonly query: Readonly<Record<string, string>>;
}

function Box({ service, place, sizes, className, query }: BoxProps): JSX.Element {
  const { id, name, namespace, perSecond, bytesPerSecond, errorShare, isOutside } = service;
  const { width, height } = sizes;
  const [left, top] = [place.x - width / 2, place.y - height / 2];
  const tone = perSecond === 0 && bytesPerSecond === 0 ? 'idle' : toneOf(errorShare);
  const shown = name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME - 1)}…` : name;
  const below = sizes.label === null ? '' : `${namespace} · ${loadOf(service)}`;
  return (
    <a
      href={hashOf('graph', id, query)}
      class={`node ${tone} ${isOutside ? 'outside' : ''} ${className}`}
      aria-label={`${shown} ${below} (${id}): ${describe(service)}`}
      aria-current={className.includes('chosen') ? 'true' : undefined}
    >
      <rect class="body" x={left} y={top} width={width} height={height} rx="6" />
      <rect class="bar" x={left + 6} y={top + 8} width="3" height={height - 16} rx="1.5" />
      <text class="name" x={left + 16} y={below === '' ? place.y + 4.5 : place.y - 4}>
        {`${shown} `}
      </text>
      {below !== '' && (
        <text class="below" x={left + 16} y={place.y + 13}>
          {below}
        </text>
      )}
    </a>
  );
}

/** Connections are told of where there are no requests. */
function loadOf({ isCalled, perSecond, bytesPerSecond, errorShare }: Service): string {
  if (!isCalled) return 'calls only';
  if (perSecond === 0 && bytesPerSecond > 0) return `${bytes(bytesPerSecond)}/s`;
  return `${rate(perSecond)}/s${errorShare > 0 ? ` · ${percent(errorShare)}` : ''}`;
}

function describe({ isCalled, perSecond, bytesPerSecond, errorShare }: Service): string {
  if (!isCalled) return 'is not called by anybody';
  if (perSecond === 0 && bytesPerSecond > 0) return `has connections with ${bytes(bytesPerSecond)} a second`;
  return `gets ${rate(perSecond)} requests a second, ${percent(errorShare)} of them end in errors`;
}

function inWords({ protocol, perSecond, errorShare, p50, p99 }: Call): string {
  const latency = p50 === null || p99 === null ? '' : `, p50 ${milliseconds(p50)}, p99 ${milliseconds(p99)}`;
  return `${protocolName(protocol)}, ${rate(perSecond)} a second, ${percent(errorShare)} errors${latency}`;
}

/** From 1 to 4, by the logarithm: a thousand times as much is still not a beam. */
const widthOf = (perSecond: number): number => 1.25 + Math.min(2.75, Math.log10(1 + perSecond));
