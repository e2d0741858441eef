/** What the person in front of the terminal sees. */
import type { KubeObject } from './manifests.ts';
import { shorthand } from './manifests.ts';

export interface Check {
  readonly what: string;
  readonly expected: string;
  readonly seen: string;
  readonly held: boolean;
}

const WIDTH = 100;
const COLUMNS = [44, 27, 23] as const;
const WORKLOADS: ReadonlySet<string> = new Set(['Deployment', 'Service', 'PersistentVolumeClaim']);
const STYLES = { bold: 1, dim: 2, red: 31, green: 32, cyan: 36 } as const;
const PROGRESS_MS = 250;
/** Without a terminal progress is a line now and then, so that a log shows life but stays short. */
const PROGRESS_LOG_MS = 10_000;

export class Report {
  readonly #out: NodeJS.WriteStream;
  readonly #colour: boolean;
  #held = 0;
  #ended = false;
  #failed: string[] = [];
  #progress: NodeJS.Timeout | null = null;

  constructor(out: NodeJS.WriteStream) {
    this.#out = out;
    this.#colour = out.isTTY && process.env['NO_COLOR'] === undefined;
  }

  get failures(): readonly string[] {
    return this.#failed;
  }

  get held(): number {
    return this.#held;
  }

  line(text = ''): void {
    if (!this.#ended) this.#out.write(`${text}\n`);
  }

  /** What an interrupted walk still finds out is no news. */
  end(): void {
    this.#ended = true;
  }

  note(text: string): void {
    this.line(this.#style('dim', text));
  }

  title(text: string): void {
    this.line(this.#style('bold', text));
  }

  step(label: string, title: string, why: string): void {
    const rule = '─'.repeat(Math.max(0, WIDTH - label.length - title.length - 5));
    this.line();
    this.line(this.#style('bold', `── ${label} ${title} ${rule}`));
    for (const line of wrap(why, WIDTH - 3)) this.note(`   ${line}`);
  }

  /** A file that is applied; rules are shown, the rest is known to who has seen one Deployment. */
  applied(file: string, objects: readonly KubeObject[]): void {
    const names = objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`).join(', ');
    const command = `kubectl apply -f ${file}`;
    const fits = command.length + names.length + 10 <= WIDTH;
    this.line(`   ${this.#style('cyan', '$')} ${command}${fits ? this.#style('dim', `   # ${names}`) : ''}`);
    if (!fits) this.note(`     # ${names}`);
    for (const object of objects.filter(({ kind }) => !WORKLOADS.has(kind))) {
      for (const line of shorthand(object, WIDTH - 16).split('\n')) this.note(`     ${line}`);
    }
  }

  command(text: string): void {
    for (const [index, line] of wrap(text, WIDTH - 9).entries())
      this.line(`   ${index === 0 ? this.#style('cyan', '$') : ' '} ${index === 0 ? '' : '  '}${line}`);
  }

  /** What a program says. Tables keep their columns, other long lines go on in the next. */
  output(line: string): void {
    const isTable = / {3,}\S/.test(line.trimStart());
    const [indent = ''] = /^ */.exec(line) ?? [];
    const parts = isTable ? [line] : wrap(line.trim(), WIDTH - 7 - indent.length);
    for (const [index, part] of parts.entries()) this.note(`     ${isTable ? '' : indent}${index === 0 ? '' : '  '}${part}`.trimEnd());
  }

  sent(text: string): void {
    for (const [index, line] of wrap(text, WIDTH - 5).entries()) this.line(`   ${index === 0 ? this.#style('cyan', '→') : ' '} ${line}`);
  }

  table(checks: readonly Check[]): void {
    const [what, expected, seen] = COLUMNS;
    this.note(`     ${'check'.padEnd(what)} ${'expected'.padEnd(expected)} ${'seen'.padEnd(seen)}`);
    for (const check of checks) {
      const mark = check.held ? this.#style('green', '✓') : this.#style('red', '✗');
      const cells = [wrap(check.what, what), wrap(check.expected, expected), wrap(check.seen, seen)];
      const height = Math.max(...cells.map((lines) => lines.length));
      for (let row = 0; row < height; row++) {
        const text = cells.map((lines, column) => (lines[row] ?? '').padEnd(COLUMNS[column] as number)).join(' ');
        this.line(`   ${row === 0 ? mark : ' '} ${check.held ? text.trimEnd() : this.#style('red', text.trimEnd())}`);
      }
      if (check.held) this.#held++;
      else if (!this.#ended) this.#failed.push(check.what);
    }
  }

  /** Shows `state` until the promise is settled. */
  async during<T>(state: () => string, work: Promise<T>): Promise<T> {
    const tty = this.#out.isTTY;
    const started = performance.now();
    const show = (): void => {
      if (this.#ended) return;
      const text = `   … ${state()} (${((performance.now() - started) / 1000).toFixed(0)} s)`;
      this.#out.write(tty ? `\r${this.#style('dim', text.padEnd(WIDTH))}` : `${text}\n`);
    };
    const timer = setInterval(show, tty ? PROGRESS_MS : PROGRESS_LOG_MS);
    this.#progress = timer;
    try {
      return await work;
    } finally {
      clearInterval(timer);
      if (this.#progress === timer && tty) this.#out.write(`\r${' '.repeat(WIDTH + 4)}\r`);
    }
  }

  #style(name: keyof typeof STYLES, text: string): string {
    return this.#colour ? `\u001b[${STYLES[name]}m${text}\u001b[0m` : text;
  }
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [''];
  for (const word of text.split(' ')) {
    const last = lines.length - 1;
    const longer = lines[last] === '' ? word : `${lines[last]} ${word}`;
    if (longer.length <= width) lines[last] = longer;
    else lines.push(word);
  }
  return lines;
}
