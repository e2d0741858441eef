/** Labels of a series, back from the text that they are kept as. */

export function seriesLabels(text: string): Readonly<Record<string, string>> {
  const labels: Record<string, string> = {};
  for (const [, name = '', value = ''] of text.matchAll(/([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g)) {
    labels[name] = value.includes('\\') ? value.replace(/\\(.)/g, (_, character) => (character === 'n' ? '\n' : character)) : value;
  }
  return labels;
}
