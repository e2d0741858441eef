/** A few numbers that one looks at first. */
import type { JSX } from 'preact';
import type { Tone } from './state-tag.tsx';

export interface Figure {
  readonly title: string;
  readonly value: string;
  /** Smaller, after it. */
  readonly of?: string;
  readonly tone?: Tone;
}

export function Figures({ figures }: { readonly figures: readonly Figure[] }): JSX.Element {
  return (
    <dl class="figures">
      {figures.map(({ title, value, of = '', tone = 'quiet' }) => (
        <div key={title} class={tone}>
          <dt>{title}</dt>
          <dd>
            {value}
            {of !== '' && <small>{` ${of}`}</small>}
          </dd>
        </div>
      ))}
    </dl>
  );
}
