/** The objects by which users configure the mesh, and what became of each. */
import type { JSX } from 'preact';
import { type ObjectReport, useObjects, useStatus } from '../feed/answers.ts';
import { Awaited } from '../parts/awaited.tsx';
import { Choice } from '../parts/choice.tsx';
import { plural, timeOfDay } from '../parts/format.ts';
import { fits, SearchField } from '../parts/search-field.tsx';
import { StateTag, type Tone } from '../parts/state-tag.tsx';
import { type Column, Table } from '../parts/table.tsx';
import { type Location, refine } from '../shell/location.ts';
import { Problems } from './problems.tsx';

interface Standing {
  readonly tone: Tone;
  readonly text: string;
  /** The worst first. */
  readonly rank: number;
}

const COLUMNS: readonly Column<ObjectReport>[] = [
  { key: 'object', title: 'Object', order: (object) => titleOf(object), cell: (object) => <ObjectName object={object} /> },
  { key: 'kind', title: 'Kind', order: ({ kind }) => kind, cell: ({ kind }) => kind },
  {
    key: 'state',
    title: 'Status',
    order: (object) => standingOf(object).rank,
    cell: (object) => <StateTag tone={standingOf(object).tone} text={standingOf(object).text} />,
  },
  { key: 'problems', title: 'What is wrong', cell: (object) => <Problems problems={object.problems} /> },
  { key: 'where', title: 'From', order: ({ where }) => where, cell: ({ where }) => <code>{where === '' ? 'API server' : where}</code> },
];

export function ConfigurationView({ location }: { readonly location: Location }): JSX.Element {
  const objects = useObjects();
  const search = location.query.get('search') ?? '';
  const only = location.query.get('only') === 'problems' ? 'problems' : 'all';
  return (
    <>
      <div class="tools">
        <SearchField label="Search by name, kind or problem" value={search} onInput={(value) => refine(location, { search: value })} />
        <Choice
          label="Show"
          options={[
            ['all', 'All'],
            ['problems', 'With problems'],
          ]}
          value={only}
          onChoose={(value) => refine(location, { only: value === 'all' ? '' : value })}
        />
      </div>
      <Awaited reading={objects}>{(all) => <Objects all={all} search={search} only={only} />}</Awaited>
      <SourceProblems />
    </>
  );
}

interface ObjectsProps {
  readonly all: readonly ObjectReport[];
  readonly search: string;
  readonly only: 'all' | 'problems';
}

function Objects({ all, search, only }: ObjectsProps): JSX.Element {
  const rows = all.filter((object) => (only === 'all' || object.problems.length > 0) && fits(search, textOf(object)));
  return (
    <Table
      caption={`${plural(rows.length, 'object')}${rows.length < all.length ? ` of ${all.length}` : ''}`}
      columns={COLUMNS}
      rows={rows}
      keyOf={({ group, kind, namespace, name }) => `${group}/${kind}/${namespace}/${name}`}
      initial={{ column: 'state', descending: false }}
      empty={
        all.length === 0
          ? 'No object configures this mesh: requests go as they would without Nodeway, balanced over the endpoints of their service.'
          : 'No object fits what is searched for.'
      }
    />
  );
}

function ObjectName({ object }: { readonly object: ObjectReport }): JSX.Element {
  return (
    <>
      {object.namespace !== '' && <span class="quiet">{object.namespace}/</span>}
      {object.name}
    </>
  );
}

/** Of what belongs to no object, such as a file that cannot be read. */
function SourceProblems(): JSX.Element | null {
  const problems = (useStatus().data?.problems ?? []).filter(({ object }) => object === '');
  if (problems.length === 0) return null;
  return (
    <section aria-labelledby="source-problems">
      <h2 id="source-problems">Problems of sources</h2>
      <div class="panel">
        <Problems problems={problems} withPlace />
      </div>
    </section>
  );
}

function standingOf({ state, since, problems }: ObjectReport): Standing {
  const when = since === 0 ? '' : ` since ${timeOfDay(since)}`;
  if (state === 'refused') return { tone: 'bad', text: `Refused${when}`, rank: 0 };
  if (state === 'previous-in-force') return { tone: 'bad', text: `Refused${when}; the version before is in effect`, rank: 1 };
  const has = (severity: string): boolean => problems.some((problem) => problem.severity === severity);
  if (has('error')) return { tone: 'bad', text: 'In effect in part', rank: 2 };
  if (has('unsupported')) return { tone: 'warn', text: 'In effect in part', rank: 3 };
  return has('warning') ? { tone: 'warn', text: 'In effect, with a warning', rank: 4 } : { tone: 'good', text: 'In effect', rank: 5 };
}

const titleOf = ({ namespace, name }: ObjectReport): string => `${namespace}/${name}`;

function textOf(object: ObjectReport): string {
  return [titleOf(object), object.kind, ...object.problems.map(({ path, message }) => `${path} ${message}`)].join(' ');
}
