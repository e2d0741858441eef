/** Which agent this is, and whether what is shown is of this moment. */
import type { JSX } from 'preact';
import type { AgentStatus } from '../feed/answers.ts';
import type { Reading } from '../feed/feeds.ts';
import { useFeeds } from '../feed/use-reading.ts';
import { span, timeOfDay } from '../parts/format.ts';

interface BannerProps {
  readonly status: Reading<AgentStatus>;
  /** To the content, past the navigation. */
  readonly onSkip: () => void;
}

export function Banner({ status, onSkip }: BannerProps): JSX.Element {
  const { data } = status;
  return (
    <header class="banner">
      <button type="button" class="skip" onClick={onSkip}>
        Skip to the content
      </button>
      <a class="brand" href="#/graph">
        <img src="/icon.svg" alt="" width="22" height="22" />
        Nodeway
      </a>
      <p class="whose">
        {data === null ? '' : <strong>{data.node}</strong>}
        {data === null ? '' : <span>{`${data.version} · up ${span(data.uptimeSeconds)}`}</span>}
      </p>
      <Pulse status={status} />
    </header>
  );
}

function Pulse({ status }: { readonly status: Reading<AgentStatus> }): JSX.Element {
  const feeds = useFeeds();
  const { isPaused } = feeds;
  const state = status.failure !== null ? 'lost' : isPaused ? 'paused' : 'live';
  const word = { lost: 'No answer', paused: 'Paused', live: 'Live' }[state];
  return (
    <div class={`pulse ${state}`}>
      <span class="dot" aria-hidden="true" />
      <span>{word}</span>
      <time>{status.at === null ? '' : timeOfDay(status.at)}</time>
      <button type="button" aria-pressed={isPaused} onClick={() => feeds.pause(!isPaused)}>
        Pause
      </button>
    </div>
  );
}
