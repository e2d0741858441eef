/**
 * A table whose rows can be ordered by a column. While the pointer is over it or the focus is in it, rows stay where they are:
 * a row that is about to be clicked must not be another one when the next answer comes.
 */
import type { ComponentChildren, JSX } from 'preact';
import { useRef, useState } from 'preact/hooks';
import { inOrderOf, type Order, ordered } from './row-order.ts';

export interface Column<Row> {
  /** Its class is `column-KEY`. */
  readonly key: string;
  readonly title: string;
  /** To the right, with figures of one width. */
  readonly isNumeric?: boolean;
  readonly cell: (row: Row) => ComponentChildren;
  /** What it is ordered by; absent: it cannot be. */
  readonly order?: (row: Row) => number | string;
}

interface TableProps<Row> {
  readonly caption: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  readonly keyOf: (row: Row) => string;
  readonly initial: Order;
  /** Instead of rows, where there are none. */
  readonly empty: ComponentChildren;
  readonly rowClass?: (row: Row) => string;
  /** A row of its own below, for a row that is open. */
  readonly detail?: (row: Row) => ComponentChildren;
}

/** More rows than anybody reads would only make the page slow. */
const MOST_ROWS = 500;

export function Table<Row>(props: TableProps<Row>): JSX.Element {
  const { caption, columns, rows, keyOf, initial, empty, rowClass, detail } = props;
  const [order, setOrder] = useState(initial);
  const hold = useHold();
  const sorted = hold.keep(
    order,
    ordered(rows, (row) => cellOrder(columns, order.column, row), order.descending, keyOf),
    keyOf,
  );
  const shown = sorted.slice(0, MOST_ROWS);
  return (
    <div class="table" {...hold.events}>
      <table>
        <caption>{caption}</caption>
        <thead>
          <tr>
            {columns.map((column) => (
              <Heading key={column.key} column={column} order={order} onOrder={setOrder} />
            ))}
          </tr>
        </thead>
        <tbody>
          {shown.map((row) => (
            <Row key={keyOf(row)} row={row} columns={columns} className={rowClass?.(row) ?? ''} detail={detail?.(row) ?? null} />
          ))}
        </tbody>
      </table>
      {rows.length === 0 && <div class="empty">{empty}</div>}
      {sorted.length > MOST_ROWS && (
        <p class="note">
          The first {MOST_ROWS} of {sorted.length}; search for the others.
        </p>
      )}
    </div>
  );
}

function cellOrder<Row>(columns: readonly Column<Row>[], key: string, row: Row): number | string {
  return columns.find((column) => column.key === key)?.order?.(row) ?? '';
}

interface RowProps<T> {
  readonly row: T;
  readonly columns: readonly Column<T>[];
  readonly className: string;
  readonly detail: ComponentChildren;
}

function Row<T>({ row, columns, className, detail }: RowProps<T>): JSX.Element {
  const cells = columns.map(({ key, isNumeric, cell }, index) => {
    const name = `column-${key}${isNumeric === true ? ' numeric' : ''}`;
    return index === 0 ? (
      <th key={key} scope="row" class={name}>
        {cell(row)}
      </th>
    ) : (
      <td key={key} class={name}>
        {cell(row)}
      </td>
    );
  });
  return (
    <>
      <tr class={className}>{cells}</tr>
      {detail !== null && (
        <tr class="detail">
          <td colSpan={columns.length}>{detail}</td>
        </tr>
      )}
    </>
  );
}

interface HeadingProps<T> {
  readonly column: Column<T>;
  readonly order: Order;
  readonly onOrder: (order: Order) => void;
}

function Heading<T>({ column, order, onOrder }: HeadingProps<T>): JSX.Element {
  const { key, title, isNumeric = false } = column;
  const name = `column-${key}${isNumeric ? ' numeric' : ''}`;
  if (column.order === undefined) {
    return (
      <th scope="col" class={name}>
        {title}
      </th>
    );
  }
  const isChosen = order.column === key;
  const next = { column: key, descending: isChosen ? !order.descending : isNumeric };
  const direction = !isChosen ? 'none' : order.descending ? 'descending' : 'ascending';
  return (
    <th scope="col" class={name} aria-sort={direction}>
      <button type="button" onClick={() => onOrder(next)}>
        {title}
        <span class="arrow" aria-hidden="true">
          {direction === 'ascending' ? '▲' : '▼'}
        </span>
      </button>
    </th>
  );
}

function useHold() {
  const isHeld = useRef(false);
  const before = useRef<{ readonly order: Order; readonly keys: readonly string[] } | null>(null);
  const over = useRef(new Set<'pointer' | 'focus'>());
  const set = (what: 'pointer' | 'focus', is: boolean) => (): void => {
    if (is) over.current.add(what);
    else over.current.delete(what);
    isHeld.current = over.current.size > 0;
  };
  return {
    events: {
      onPointerEnter: set('pointer', true),
      onPointerLeave: set('pointer', false),
      onFocusIn: set('focus', true),
      onFocusOut: set('focus', false),
    },
    keep<Row>(order: Order, rows: Row[], keyOf: (row: Row) => string): Row[] {
      const isSame = before.current?.order === order;
      const kept = isHeld.current && isSame ? inOrderOf(before.current?.keys ?? [], rows, keyOf) : rows;
      before.current = { order, keys: kept.map((row) => keyOf(row)) };
      return kept;
    },
  };
}
