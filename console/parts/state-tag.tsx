/** A word with a colour, and a sign for those who do not see the colour. */
import type { JSX } from 'preact';

export type Tone = 'good' | 'warn' | 'bad' | 'quiet';

const SIGNS: Readonly<Record<Tone, string>> = { good: '●', warn: '▲', bad: '✕', quiet: '○' };

export function StateTag({ tone, text }: { readonly tone: Tone; readonly text: string }): JSX.Element {
  return (
    <span class={`tag ${tone}`}>
      <span class="sign" aria-hidden="true">
        {SIGNS[tone]}
      </span>
      {text}
    </span>
  );
}
