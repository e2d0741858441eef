/** Says once that the agent is gone, or is another one. What was last known stays on the page. */
import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { AgentStatus } from '../feed/answers.ts';
import type { Reading } from '../feed/feeds.ts';
import { span, timeOfDay } from '../parts/format.ts';

export function ConnectionNotice({ status }: { readonly status: Reading<AgentStatus> }): JSX.Element {
  const version = useFirst(status.data?.version);
  return (
    <div class="notices" role="status">
      {status.failure !== null && <Lost at={status.at} since={status.failure.since} message={status.failure.message} />}
      {status.failure === null && version !== undefined && status.data !== null && version !== status.data.version && (
        <p class="notice warn">
          The agent is now version {status.data.version}, this page is of {version}.{' '}
          <button type="button" onClick={() => window.location.reload()}>
            Load the page again
          </button>
        </p>
      )}
      {status.failure === null && status.data?.draining === true && (
        <p class="notice warn">The agent is stopping: it finishes what it has begun, and new connections pass it by.</p>
      )}
    </div>
  );
}

interface LostProps {
  readonly at: number | null;
  readonly since: number;
  readonly message: string;
}

/** How long it is is not announced each second, only shown. */
function Lost({ at, since, message }: LostProps): JSX.Element {
  const now = useSeconds();
  return (
    <p class="notice bad">
      <strong>The agent does not answer since {timeOfDay(since)}</strong>
      <span aria-hidden="true"> ({span(Math.max(0, Math.round((now - since) / 1000)))})</span>: {message}.{' '}
      {at === null ? 'Nothing is known of it yet.' : `This is what it said at ${timeOfDay(at)}.`}
    </p>
  );
}

function useSeconds(): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  return now;
}

/** The first that there was. */
function useFirst<T>(value: T | undefined): T | undefined {
  const [first, setFirst] = useState(value);
  useEffect(() => {
    if (first === undefined && value !== undefined) setFirst(value);
  }, [first, value]);
  return first;
}
