/** Asks the agent that served this page. */

/** The agent answers from memory: if it takes this long, it hangs. */
const TIMEOUT_MS = 8000;
const LONGEST_MESSAGE = 300;

/** @throws Error with what a person can read. */
export async function askAgent(path: string): Promise<unknown> {
  const response = await reach(path);
  const text = await response.text();
  if (!response.ok) throw new Error(`${path}: ${response.status} ${text.trim().slice(0, LONGEST_MESSAGE)}`);
  return JSON.parse(text);
}

async function reach(path: string): Promise<Response> {
  try {
    return await fetch(path, { signal: AbortSignal.timeout(TIMEOUT_MS), headers: { accept: 'application/json' } });
  } catch (error) {
    const isLate = error instanceof DOMException && error.name === 'TimeoutError';
    throw new Error(isLate ? `no answer within ${TIMEOUT_MS / 1000} s` : 'no connection', { cause: error });
  }
}
