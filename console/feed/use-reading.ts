/** A component that uses a reading is drawn again with each new one. */
import { createContext } from 'preact';
import { useContext, useEffect, useReducer } from 'preact/hooks';
import type { Feeds, Reading } from './feeds.ts';

export const FeedsContext = createContext<Feeds | null>(null);

export function useFeeds(): Feeds {
  const feeds = useContext(FeedsContext);
  if (feeds === null) throw new Error('a component outside of FeedsContext');
  return feeds;
}

export function useReading<T>(path: string): Reading<T> {
  const feeds = useFeeds();
  const [, draw] = useReducer((count: number) => count + 1, 0);
  useEffect(() => feeds.watch(path, () => draw(undefined)), [feeds, path]);
  return feeds.reading<T>(path);
}
