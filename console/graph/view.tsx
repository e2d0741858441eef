/** Who calls whom, as a drawing and as a table; of a large mesh, around one service or where there is trouble. */
import type { JSX } from 'preact';
import { useRef, useState } from 'preact/hooks';
import { type Mesh, useMesh, useStatus } from '../feed/answers.ts';
import { Awaited } from '../parts/awaited.tsx';
import { Choice } from '../parts/choice.tsx';
import { plural } from '../parts/format.ts';
import { fits, SearchField } from '../parts/search-field.tsx';
import { hashOf, type Location, refine } from '../shell/location.ts';
import { CallsTable } from './calls-table.tsx';
import { Drawing, type Scale } from './drawing.tsx';
import { linksOf } from './model.ts';
import { ServicePanel } from './panel.tsx';
import { MOST_AT_ONCE, select } from './selection.ts';
import { MeshFigures } from './mesh-figures.tsx';

type Form = 'graph' | 'table';

export function GraphView({ location }: { readonly location: Location }): JSX.Element {
  const mesh = useMesh();
  const status = useStatus();
  return (
    <>
      <MeshFigures mesh={mesh.data} status={status.data} />
      <Awaited reading={mesh}>{(data) => <Graph mesh={data} location={location} />}</Awaited>
    </>
  );
}

interface GraphProps {
  readonly mesh: Mesh;
  readonly location: Location;
}

function Graph({ mesh, location }: GraphProps): JSX.Element {
  const { subject, query } = location;
  const form: Form = query.get('as') === 'table' ? 'table' : 'graph';
  const service = mesh.services.get(subject);
  const kept = { as: form === 'table' ? 'table' : '', around: query.get('around') ?? '' };
  return (
    <>
      <div class="tools">
        <Finder mesh={mesh} location={location} kept={kept} />
        <Choice
          label="As"
          options={[
            ['graph', 'Graph'],
            ['table', 'Table'],
          ]}
          value={form}
          onChoose={(value) => refine(location, { as: value === 'table' ? 'table' : '' })}
        />
        {form === 'graph' && service !== undefined && <Depth location={location} around={aroundOf(mesh, location)} />}
      </div>
      {subject !== '' && service === undefined && (
        <p class="quiet gap">Nothing was sent to this service lately, and nothing came from it. These are the others.</p>
      )}
      <div class={`graph ${service === undefined ? '' : 'has-panel'}`}>
        {form === 'table' ? <Rows mesh={mesh} location={location} /> : <Picture mesh={mesh} location={location} query={kept} />}
        {service !== undefined && <ServicePanel mesh={mesh} service={service} query={kept} />}
      </div>
    </>
  );
}

interface FinderProps extends GraphProps {
  readonly kept: Readonly<Record<string, string>>;
}

/** A name that is complete leads to the service; in the table what is written already narrows the rows. */
function Finder({ mesh, location, kept }: FinderProps): JSX.Element {
  const find = (text: string): void => {
    if (mesh.services.has(text)) window.location.hash = hashOf('graph', text, kept);
    else refine(location, { search: text });
  };
  const search = location.query.get('search') ?? '';
  return <SearchField label="Find a service" value={search} onInput={find} options={[...mesh.services.keys()]} />;
}

type Around = '1' | '2' | 'all';

/** Of a large mesh, one service is looked at with its neighbours alone. */
function aroundOf(mesh: Mesh, { query }: Location): Around {
  const asked = (['1', '2', 'all'] as const).find((value) => value === query.get('around'));
  return asked ?? (mesh.services.size > MOST_AT_ONCE ? '1' : 'all');
}

function Depth({ location, around }: { readonly location: Location; readonly around: Around }): JSX.Element {
  return (
    <Choice
      label="Around it"
      options={[
        ['1', '1 call'],
        ['2', '2 calls'],
        ['all', 'Everything'],
      ]}
      value={around}
      onChoose={(value) => refine(location, { around: value })}
    />
  );
}

function Rows({ mesh, location }: GraphProps): JSX.Element {
  const { subject, query } = location;
  const search = query.get('search') ?? '';
  const calls = mesh.calls.filter(
    ({ from, to }) => (subject === '' || from === subject || to === subject) && fits(search, `${from} ${to}`),
  );
  return <CallsTable calls={calls} empty={mesh.calls.length === 0 ? NOTHING : 'No call fits what is searched for.'} />;
}

const NOTHING = 'No request has passed this agent yet. Services appear as soon as an enrolled pod calls one, or is called.';

interface PictureProps extends GraphProps {
  readonly query: Readonly<Record<string, string>>;
}

function Picture({ mesh, location, query }: PictureProps): JSX.Element {
  const [scale, setScale] = useState<Scale>('auto');
  const [all, setAll] = useState(false);
  const before = useRef<ReadonlySet<string>>(new Set());
  const links = linksOf(mesh.calls);
  const around = aroundOf(mesh, location);
  const isKnown = mesh.services.has(location.subject);
  const focus = around === 'all' || !isKnown ? '' : location.subject;
  const chosen = select(mesh, links, { focus, depth: around === '2' ? 2 : 1, all: all || (isKnown && focus === '') }, before.current);
  before.current = chosen;
  const services = [...mesh.services.values()].filter(({ id }) => chosen.has(id));
  const shown = links.filter(({ from, to }) => chosen.has(from) && chosen.has(to));
  if (mesh.services.size === 0) return <div class="canvas void empty">{NOTHING}</div>;
  return (
    <div>
      <div class={`canvas ${scale === 'fit' ? 'filled' : ''}`} role="region" aria-label="Drawing" tabIndex={0}>
        <Drawing services={services} links={shown} chosen={location.subject} scale={scale} query={query} />
      </div>
      <div class="legend">
        <Zoom scale={scale} onScale={setScale} />
        <Shown count={services.length} of={mesh.services.size} isFocused={focus !== ''} all={all} onAll={setAll} />
        <span class="last">On a line: protocol, requests a second, share of errors, latency. A dashed line is silent.</span>
      </div>
    </div>
  );
}

interface ShownProps {
  readonly count: number;
  readonly of: number;
  readonly isFocused: boolean;
  readonly all: boolean;
  readonly onAll: (all: boolean) => void;
}

function Shown({ count, of, isFocused, all, onAll }: ShownProps): JSX.Element | null {
  if (of <= MOST_AT_ONCE || isFocused) return <span>{count < of ? `${count} of ${plural(of, 'service')}` : plural(of, 'service')}</span>;
  return (
    <span>
      {all ? `All ${of} services. ` : `The ${count} of ${of} services with the most errors and requests. `}
      <button type="button" onClick={() => onAll(!all)}>
        {all ? 'Show only those' : `Draw all ${of}`}
      </button>
    </span>
  );
}

const STEP = 1.25;
const SCALES = { least: 0.3, most: 2.5 } as const;

function Zoom({ scale, onScale }: { readonly scale: Scale; readonly onScale: (scale: Scale) => void }): JSX.Element {
  const now = typeof scale === 'number' ? scale : 1;
  const to = (value: number) => (): void => onScale(Math.min(SCALES.most, Math.max(SCALES.least, value)));
  return (
    <span class="zoom" role="group" aria-label="Size of the drawing">
      <button type="button" aria-label="Smaller" onClick={to(now / STEP)}>
        −
      </button>
      <button type="button" aria-label="Larger" onClick={to(now * STEP)}>
        +
      </button>
      <button type="button" onClick={() => onScale('auto')} aria-pressed={scale === 'auto'}>
        Legible
      </button>
      <button type="button" aria-pressed={scale === 'fit'} onClick={() => onScale('fit')}>
        Whole
      </button>
    </span>
  );
}
