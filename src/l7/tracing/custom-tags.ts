/** The tags that a policy adds to those of every span, made ready when its first span is. */
import type { HeaderTag, TracingConfig } from '../config/telemetry.ts';
import { JsonText } from './json-text.ts';
import { tagStart } from './span-line.ts';
import { STANDARD_TAGS } from './standard-tags.ts';

export type TagNames = Pick<TracingConfig, 'fixedTags' | 'headerTags'>;

interface NamedHeader extends HeaderTag {
  readonly start: Uint8Array;
}

export class CustomTags {
  /** With their values. */
  readonly fixed: Uint8Array;
  readonly headers: readonly NamedHeader[];
  /** Some tags of a span have one name. */
  readonly repeat: boolean;

  constructor({ fixedTags, headerTags }: TagNames) {
    const text = new JsonText();
    for (const [key, value] of fixedTags) {
      text.raw(tagStart(key));
      text.text(value);
    }
    this.fixed = text.taken();
    this.headers = headerTags.map((tag) => ({ ...tag, start: tagStart(tag.key) }));
    const keys = [...STANDARD_TAGS, ...fixedTags.map(([key]) => key), ...headerTags.map(({ key }) => key)];
    this.repeat = new Set(keys).size < keys.length;
  }
}
