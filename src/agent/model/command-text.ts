/**
 * Text with Envoy's command operators: `%NAME%`, `%NAME(arguments)%`, `%NAME(arguments):length%`, and `%%` for a percent sign
 * (SubstitutionFormatParser of Envoy 1.40). What a name means is up to whoever reads headers' values or access logs.
 */

export interface Command {
  readonly name: string;
  /** Null: none, not even empty ones. They end at the first `)` that the command ends after. */
  readonly given: string | null;
  /** Characters that are kept; null: all. */
  readonly length: number | null;
}

export type CommandTextResult =
  { readonly ok: true; readonly parts: readonly (string | Command)[] } | { readonly ok: false; readonly fault: string };

const COMMAND = /%([A-Z0-9_]+)(?:\((.*?)\))?(?::(\d+))?%/y;
/** What a fault quotes, in characters. */
const QUOTED = 20;

/** Literal text and commands, in order; no text is empty, and two do not follow each other. */
export function parseCommandText(text: string): CommandTextResult {
  const parts: (string | Command)[] = [];
  let literal = '';
  for (let at = 0; at < text.length;) {
    const percent = text.indexOf('%', at);
    literal += percent < 0 ? text.slice(at) : text.slice(at, percent);
    if (percent < 0) break;
    if (text[percent + 1] === '%') {
      literal += '%';
      at = percent + 2;
      continue;
    }
    COMMAND.lastIndex = percent;
    const match = COMMAND.exec(text);
    if (match === null) return { ok: false, fault: strayPercent(text.slice(percent, percent + QUOTED)) };
    if (literal !== '') parts.push(literal);
    literal = '';
    parts.push(commandOf(match));
    at = COMMAND.lastIndex;
  }
  if (literal !== '') parts.push(literal);
  return { ok: true, parts };
}

function commandOf([, name = '', given, length]: RegExpExecArray): Command {
  return { name, given: given ?? null, length: length === undefined ? null : Number(length) };
}

function strayPercent(quoted: string): string {
  return `has a % that begins no command, at "${quoted}"; one of its own is written %%`;
}
