/** The console's beginning: connects the page to the agent that served it. */
import { render } from 'preact';
import { askAgent } from './feed/agent-client.ts';
import { Feeds } from './feed/feeds.ts';
import { FeedsContext } from './feed/use-reading.ts';
import { App } from './shell/app.tsx';

const feeds = new Feeds({
  ask: askAgent,
  now: () => Date.now(),
  after: (ms, run) => {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
});
document.addEventListener('visibilitychange', () => feeds.hide(document.hidden));
feeds.hide(document.hidden);
render(
  <FeedsContext.Provider value={feeds}>
    <App />
  </FeedsContext.Provider>,
  document.body,
);
