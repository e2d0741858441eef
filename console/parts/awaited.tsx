/** A part of a view that needs an answer: says so until there is one, and what is wrong where there is none. */
import type { ComponentChildren, JSX } from 'preact';
import type { Reading } from '../feed/feeds.ts';
import { timeOfDay } from './format.ts';

interface AwaitedProps<T> {
  readonly reading: Reading<T>;
  readonly children: (data: T) => ComponentChildren;
}

export function Awaited<T>({ reading, children }: AwaitedProps<T>): JSX.Element {
  const { data, at, failure } = reading;
  return (
    <>
      {failure !== null && (
        <p class={`failure ${at === null ? 'bad' : 'quiet'}`} role="status">
          {at === null ? 'Not known' : `As of ${timeOfDay(at)}`}: {failure.message}.
        </p>
      )}
      {data === null ? failure === null && <p class="quiet">Asking the agent …</p> : children(data)}
    </>
  );
}
