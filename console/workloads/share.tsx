/** A share of 1, as a number and as a bar. */
import type { JSX } from 'preact';
import { percent } from '../parts/format.ts';

export function Share({ share }: { readonly share: number }): JSX.Element {
  return (
    <>
      <span class={share === 0 ? 'zero' : ''}>{percent(share)}</span>
      <svg class="meter" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
        <rect width="100" height="6" />
        <rect width={100 * share} height="6" />
      </svg>
    </>
  );
}
