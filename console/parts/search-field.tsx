import type { JSX } from 'preact';
import { useId } from 'preact/hooks';

interface SearchFieldProps {
  readonly label: string;
  readonly value: string;
  readonly onInput: (value: string) => void;
  /** What can be chosen from. */
  readonly options?: readonly string[];
}

export function SearchField({ label, value, onInput, options = [] }: SearchFieldProps): JSX.Element {
  const id = useId();
  return (
    <div class="search">
      <label for={id}>{label}</label>
      <input
        id={id}
        type="search"
        value={value}
        autocomplete="off"
        spellcheck={false}
        list={options.length > 0 ? `${id}-options` : undefined}
        onInput={(event) => onInput(event.currentTarget.value)}
      />
      {options.length > 0 && (
        <datalist id={`${id}-options`}>
          {options.map((option) => (
            <option key={option} value={option} />
          ))}
        </datalist>
      )}
    </div>
  );
}

/** Whether each word of a search is in the text, in any order and case. */
export function fits(search: string, text: string): boolean {
  const lower = text.toLowerCase();
  return search
    .toLowerCase()
    .split(/\s+/u)
    .every((word) => lower.includes(word));
}
