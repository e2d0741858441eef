/** The same requests from inside a pod: this file is also the program that runs there. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { CommandFailed, exitOf } from './command.ts';
import type { Pod } from './pod.ts';
import { type Call, type Pace, type Reply, sendAll } from './traffic.ts';

interface Job {
  readonly calls: readonly Call[];
  readonly pace: Omit<Pace, 'onReply'>;
}

export async function sendFromPod(pod: Pod, calls: readonly Call[], { onReply, ...pace }: Pace): Promise<Reply[]> {
  const program = fileURLToPath(import.meta.url);
  const child = spawn('ip', ['netns', 'exec', pod.place.netns, process.execPath, program], {
    stdio: ['pipe', 'pipe', 'inherit'],
    detached: true,
  });
  const ended = exitOf(child);
  child.stdin.end(JSON.stringify({ calls, pace } satisfies Job));
  const replies: Reply[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    const reply = JSON.parse(line) as Reply;
    replies.push(reply);
    onReply?.(reply);
  }
  const code = await ended;
  if (code !== 0) throw new CommandFailed(`sending from pod ${pod.place.name} ended with exit code ${code}`);
  return replies;
}

if (import.meta.main) {
  const { calls, pace } = JSON.parse(await text(process.stdin)) as Job;
  await sendAll(calls, { ...pace, onReply: (reply) => process.stdout.write(`${JSON.stringify(reply)}\n`) });
}
