/**
 * A command's flags as a table: each has a name, a parser, a default and the default's reason. A flag may also come from the
 * environment (`--node-name` as `NODEWAY_NODE_NAME`); the command line wins. All errors are reported together.
 */
import { parseArgs } from 'node:util';

export type Parsed<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: string };

export interface Flag<T> {
  /** What stands for the value in the help; absent for a switch, which is also written `--no-NAME`. */
  readonly value?: string;
  readonly help: string;
  /** May be given several times. The parser gets the values joined by this, as they stand in the environment. */
  readonly repeated?: ';' | '\n';
  readonly parse: (text: string) => Parsed<T>;
  readonly default: T;
  /** Shown in the help after the default. */
  readonly why: string;
  /** How the default is shown, if its own text is hard to read. */
  readonly shown?: string;
}

export type FlagTable = Readonly<Record<string, Flag<unknown>>>;
export type FlagValues<T extends FlagTable> = { readonly [K in keyof T]: T[K] extends Flag<infer V> ? V : never };
export type Environment = Readonly<Record<string, string | undefined>>;

export type FlagsResult<T extends FlagTable> =
  | { readonly ok: true; readonly values: FlagValues<T>; readonly positionals: readonly string[] }
  | { readonly ok: false; readonly errors: readonly string[] };

export const ok = <T>(value: T): Parsed<T> => ({ ok: true, value });
export const wrong = (error: string): Parsed<never> => ({ ok: false, error });

export function environmentName(flag: string): string {
  return `NODEWAY_${flag.toUpperCase().replaceAll('-', '_')}`;
}

export function parseFlags<T extends FlagTable>(table: T, args: readonly string[], environment: Environment): FlagsResult<T> {
  const { given, positionals, errors } = readCommandLine(table, args);
  const values: Record<string, unknown> = {};
  for (const [name, flag] of Object.entries(table)) {
    const variable = environmentName(name);
    const text = given.get(name) ?? environment[variable];
    // Container manifests leave a setting out by an empty variable.
    if (text === undefined || (text === '' && !given.has(name))) {
      values[name] = flag.default;
      continue;
    }
    const parsed = flag.parse(text);
    if (parsed.ok) values[name] = parsed.value;
    else errors.push(`${given.has(name) ? `--${name}` : variable}: ${parsed.error}`);
  }
  if (errors.length > 0) return { ok: false, errors };
  return { ok: true, values: values as FlagValues<T>, positionals };
}

interface CommandLine {
  readonly given: Map<string, string>;
  readonly positionals: string[];
  readonly errors: string[];
}

function readCommandLine(table: FlagTable, args: readonly string[]): CommandLine {
  const options = Object.fromEntries(
    Object.entries(table).map(([name, flag]) => [name, { type: flag.value === undefined ? ('boolean' as const) : ('string' as const) }]),
  );
  const { tokens } = parseArgs({ args: [...args], options, strict: false, allowPositionals: true, allowNegative: true, tokens: true });
  const line: CommandLine = { given: new Map(), positionals: [], errors: [] };
  for (const token of tokens) {
    if (token.kind === 'positional') line.positionals.push(token.value);
    else if (token.kind === 'option') readOption(table, token, line);
  }
  return line;
}

interface OptionToken {
  readonly name: string;
  readonly rawName: string;
  readonly value?: string | undefined;
}

function readOption(table: FlagTable, token: OptionToken, line: CommandLine): void {
  const negated = token.rawName === `--no-${token.name}`;
  const flag = table[token.name];
  if (flag === undefined) {
    line.errors.push(`${token.rawName}: no such flag${suggestion(table, token.name)}`);
    return;
  }
  if (flag.value !== undefined && (negated || token.value === undefined)) {
    line.errors.push(`--${token.name}: needs a value (${flag.value})`);
    return;
  }
  const text = token.value ?? String(!negated);
  const before = line.given.get(token.name);
  if (before === undefined) line.given.set(token.name, text);
  else if (flag.repeated !== undefined) line.given.set(token.name, `${before}${flag.repeated}${text}`);
  else line.errors.push(`--${token.name}: given twice`);
}

function suggestion(table: FlagTable, name: string): string {
  const near = Object.keys(table).find((known) => known.startsWith(name) || name.startsWith(known));
  return near === undefined ? '' : `; did you mean --${near}?`;
}

/** The table as lines of a help text. */
export function describeFlags(table: FlagTable): string {
  return Object.entries(table)
    .map(([name, flag]) => {
      const head = flag.value === undefined ? `--[no-]${name}` : `--${name} ${flag.value}`;
      const shown = flag.shown ?? String(flag.default);
      return `  ${head}\n      ${flag.help}\n      default: ${shown} (${flag.why})`;
    })
    .join('\n');
}
