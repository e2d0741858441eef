/**
 * Plain scalars as `kubectl apply` reads them: sigs.k8s.io/yaml decodes with go-yaml v2, which keeps YAML 1.1's booleans and octal
 * numbers (goyaml.v2/resolve.go). Timestamps stay text there, and numbers of base 60 never were any.
 */
export type Scalar = string | number | boolean | null;

const WORDS: ReadonlyMap<string, Scalar> = new Map<string, Scalar>([
  ...['y', 'Y', 'yes', 'Yes', 'YES', 'true', 'True', 'TRUE', 'on', 'On', 'ON'].map((word) => [word, true] as const),
  ...['n', 'N', 'no', 'No', 'NO', 'false', 'False', 'FALSE', 'off', 'Off', 'OFF'].map((word) => [word, false] as const),
  ...['', '~', 'null', 'Null', 'NULL'].map((word) => [word, null] as const),
  ...['.nan', '.NaN', '.NAN'].map((word) => [word, NaN] as const),
  ...['.inf', '.Inf', '.INF', '+.inf', '+.Inf', '+.INF'].map((word) => [word, Infinity] as const),
  ...['-.inf', '-.Inf', '-.INF'].map((word) => [word, -Infinity] as const),
]);
const LONGEST_WORD = 5;
/** Go's integer literals (strconv.ParseInt with base 0). */
const INTEGER = /^([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))$/;
const FLOAT = /^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$/;

export function plainScalar(text: string): Scalar {
  const word = text.length <= LONGEST_WORD ? WORDS.get(text) : undefined;
  if (word !== undefined) return word;
  const first = text.charCodeAt(0);
  const numeric = (first >= 0x30 && first <= 0x39) || first === 0x2b || first === 0x2d || first === 0x2e;
  return numeric ? (numberOf(first === 0x2e ? text : text.replaceAll('_', '')) ?? text) : text;
}

function numberOf(digits: string): number | null {
  const integer = INTEGER.exec(digits);
  if (integer === null) return FLOAT.test(digits) ? Number(digits) : null;
  const [, sign, hexadecimal, binary, octal, decimal] = integer;
  const value =
    decimal !== undefined
      ? Number(decimal)
      : hexadecimal !== undefined
        ? Number.parseInt(hexadecimal, 16)
        : binary !== undefined
          ? Number.parseInt(binary, 2)
          : Number.parseInt(octal as string, 8);
  return sign === '-' && value !== 0 ? -value : value;
}

/** The name of a field, which may look like something else: JSON has text only (sigs.k8s.io/yaml, convertToJSONableObject). */
export function plainKey(text: string): string | null {
  const value = plainScalar(text);
  return value === null ? null : String(value);
}
