/** One of a few, all of which can be seen. */
import type { JSX } from 'preact';

interface ChoiceProps<T extends string> {
  readonly label: string;
  readonly options: readonly (readonly [value: T, title: string])[];
  readonly value: T;
  readonly onChoose: (value: T) => void;
}

export function Choice<T extends string>({ label, options, value, onChoose }: ChoiceProps<T>): JSX.Element {
  return (
    <fieldset class="choice">
      <legend>{label}</legend>
      <div class="options">
        {options.map(([option, title]) => (
          <button key={option} type="button" aria-pressed={option === value} onClick={() => onChoose(option)}>
            {title}
          </button>
        ))}
      </div>
    </fieldset>
  );
}
