/** The results for people. */
import type { Run } from './measure.ts';
import type { Absent } from './stage.ts';
import type { IdleRow, Row, Spread } from './summary.ts';
import type { TargetResult } from './targets.ts';

const HEADINGS = ['cell', 'variant', 'runs', 'requests/s', 'CPU us (user+sys)', 'p50 us', 'p99 us', 'RSS MB'];

export function table(rows: readonly Row[], reference: string): string {
  return aligned([[...HEADINGS, `rps x ${reference}`, `CPU x ${reference}`], ...rows.map(cells)], (above, below) => above[0] !== below[0]);
}

function cells({ cell, proxy, runs, metrics, ratios }: Row): string[] {
  const { rps, cpuUs, userUs, systemUs, p50, p99, residentMb } = metrics;
  const split = `${number(userUs.median)}+${number(systemUs.median)}`;
  return [
    cell,
    proxy,
    String(runs),
    range(rps),
    `${range(cpuUs)} (${split})`,
    range(p50),
    range(p99),
    number(residentMb.median),
    times(ratios.rps),
    times(ratios.cpuUs),
  ];
}

export function idleTable(rows: readonly IdleRow[]): string {
  const headings = ['idle connections', 'variant', 'runs', 'bytes each', 'RSS MB with them'];
  const lines = rows.map((row) => [
    String(row.connections),
    row.proxy,
    String(row.runs),
    range(row.bytesPerConnection),
    range(row.residentMb),
  ]);
  return aligned([headings, ...lines], () => false);
}

export function targetTable(results: readonly TargetResult[]): string {
  const lines = results.map(({ target, measured, met }) => [
    target,
    measured === null ? '-' : String(measured),
    met === null ? 'not measured' : met ? 'met' : 'MISSED',
  ]);
  return aligned([['target', 'measured', ''], ...lines], () => false);
}

/** What a reader must know before believing the numbers. */
export function remarks(runs: readonly Run[], absent: readonly Absent[]): string {
  const discarded = runs.filter((run) => run.discarded !== null).length;
  const kept = runs.filter((run) => run.discarded === null);
  const trips = kept.flatMap(({ phases }) => phases.map(({ roundTripNs }) => roundTripNs));
  const changes = kept.filter(({ phaseChanged }) => phaseChanged).length;
  const limited = kept.filter(({ idleShare, cell }) => idleShare < 0.03 && !cell.startsWith('open'));
  const places = [...new Set(limited.map(({ cell, proxy }) => `${cell}/${proxy}`))];
  return [
    `${kept.length} runs counted, ${discarded} discarded.`,
    ...(trips.length > 0 ? [phaseRemark(trips, changes)] : []),
    ...(places.length > 0 ? [`The generator was the limit in ${places.join(', ')}: compare CPU there, not requests/s.`] : []),
    ...absent.map(({ name, why }) => `${name} is missing: ${why}`),
  ].join('\n');
}

function phaseRemark(trips: readonly number[], changes: number): string {
  const low = Math.min(...trips);
  const high = Math.max(...trips);
  const phase = `A cache line took ${low} to ${high} ns between the cores and back`;
  if (high < 1.5 * low) return `${phase}: the machine stayed in one phase.`;
  return `${phase}: the machine changed phase, during ${changes} of the runs; trust the ratios, which are of neighbours in time.`;
}

function range({ median, min, max }: Spread): string {
  return min === max ? number(median) : `${number(median)} [${number(min)}–${number(max)}]`;
}

function times(spread: Spread | null): string {
  if (spread === null) return '-';
  const { median, min, max } = spread;
  return min === max ? median.toFixed(2) : `${median.toFixed(2)} [${min.toFixed(2)}–${max.toFixed(2)}]`;
}

/** Three digits say all that a benchmark knows. */
function number(value: number): string {
  if (value >= 10_000) return `${(value / 1000).toFixed(value >= 100_000 ? 0 : 1)}k`;
  return value >= 100 ? value.toFixed(0) : value.toFixed(value >= 10 ? 1 : 2);
}

export function aligned(
  lines: readonly (readonly string[])[],
  ruleBetween: (above: readonly string[], below: readonly string[]) => boolean,
): string {
  const widths = lines[0]!.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
  const rule = widths.map((width) => '-'.repeat(width)).join('  ');
  return lines
    .flatMap((line, index) => {
      const text = line
        .map((entry, column) => entry.padEnd(widths[column]!))
        .join('  ')
        .trimEnd();
      const above = lines[index - 1];
      return above !== undefined && (index === 1 || ruleBetween(above, line)) ? [rule, text] : [text];
    })
    .join('\n');
}
