/** Where a command writes; tests give buffers. */
export interface Terminal {
  readonly stdout: { write(text: string): unknown; readonly isTTY?: boolean; readonly rows?: number };
  readonly stderr: { write(text: string): unknown };
}

/** Columns as wide as their widest cell. An empty table is an empty text. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return '';
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  return all
    .map(
      (row) =>
        `${row
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}

/** For machines. */
export const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

/** @param share from 0 to 1. */
export const percent = (share: number): string => `${Math.round(share * 1000) / 10}%`;

/** A time in seconds as people say it. */
export function span(seconds: number): string {
  if (seconds < 120) return `${Math.round(seconds)}s`;
  return seconds < 7200 ? `${Math.round(seconds / 60)}m` : `${Math.round(seconds / 3600)}h`;
}
