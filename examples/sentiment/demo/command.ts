/** Runs the system's tools, and says what they said when they fail. */
import { type ChildProcess, spawn } from 'node:child_process';

export class CommandFailed extends Error {
  override readonly name = 'CommandFailed';
}

/** Standard output of a command that has to succeed. */
export async function output(command: readonly string[], input = ''): Promise<string> {
  const [file = '', ...args] = command;
  const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  child.stdin.on('error', () => {}); // a command that ends without reading its input says so by its exit code
  child.stdin.end(input);
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), exitOf(child)]);
  if (code !== 0)
    throw new CommandFailed(`${command.join(' ')}: ${stderr.trim() || `exit code ${code}`}${input === '' ? '' : `\n${input}`}`);
  return stdout;
}

/** The exit code, or 128 + the signal's place as a shell would put it; 127 when there is no such command. */
export function exitOf(child: ChildProcess): Promise<number> {
  if (child.exitCode !== null) return Promise.resolve(child.exitCode);
  return new Promise((resolve) => {
    child.once('error', () => resolve(127));
    child.once('close', (code) => resolve(code ?? 128));
  });
}

async function text(stream: NodeJS.ReadableStream): Promise<string> {
  let collected = '';
  stream.setEncoding('utf8');
  for await (const chunk of stream) collected += String(chunk);
  return collected;
}
