/** Asks a running agent over its admin endpoint. */
import { get } from 'node:http';
import { AGENT_FLAGS } from '../agent/config.ts';
import { type Environment, type FlagTable, type FlagValues, ok, parseFlags, wrong } from '../agent/flags.ts';
import { CommandError, ExitCode, codeOf, messageOf } from '../base/errors.ts';
import { type SocketAddress, socketText } from '../base/socket-address.ts';

/** The agent answers from memory: if it takes this long, it hangs. */
const TIMEOUT_MS = 5000;

export const CLIENT_FLAGS = {
  'admin-address': AGENT_FLAGS['admin-address'],
  output: {
    value: 'text|json',
    help: 'How to print.',
    parse: (text: string) => (text === 'text' || text === 'json' ? ok(text) : wrong(`"${text}" is neither text nor json`)),
    default: 'text',
    why: 'for people',
  },
} satisfies FlagTable;

export interface ClientArguments {
  readonly flags: FlagValues<typeof CLIENT_FLAGS>;
  readonly positionals: readonly string[];
}

/** @throws CommandError with all errors of usage. */
export function clientArguments(args: readonly string[], environment: Environment): ClientArguments {
  const long = args.map((arg) => (arg === '-o' ? '--output' : arg.startsWith('-o') ? `--output=${arg.slice(2).replace(/^=/, '')}` : arg));
  const parsed = parseFlags(CLIENT_FLAGS, long, environment);
  if (!parsed.ok) throw new CommandError(ExitCode.Usage, parsed.errors.join('\n'));
  return { flags: parsed.values, positionals: parsed.positionals };
}

/** @throws CommandError that says what to do. */
export async function ask<T>(address: SocketAddress | null, path: string): Promise<T> {
  if (address === null) throw new CommandError(ExitCode.Usage, '--admin-address: an address is needed to ask the agent');
  return JSON.parse(await fetchText(address, path)) as T;
}

function fetchText({ ip, port }: SocketAddress, path: string): Promise<string> {
  const place = socketText(ip, port);
  return new Promise((done, failed) => {
    const request = get({ host: ip, port, path, timeout: TIMEOUT_MS }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', failed);
      response.on('end', () => {
        const body = Buffer.concat(chunks).toString('utf8');
        if (response.statusCode === 200) done(body);
        else failed(refused(place, response.statusCode ?? 0, body));
      });
    });
    request.on('timeout', () => request.destroy(new CommandError(ExitCode.Fault, `the agent at ${place} does not answer`)));
    request.on('error', (error) => failed(error instanceof CommandError ? error : unreachable(place, error)));
  });
}

/** By an agent, which says why, or by something else. */
function refused(place: string, status: number, body: string): CommandError {
  const isAgents = (status === 400 || status === 404) && !body.startsWith('no such page');
  const why = isAgents ? body.trim() : `is not a Nodeway agent of this version: ${status} ${body.slice(0, 200)}`;
  return new CommandError(ExitCode.Fault, isAgents ? why : `${place} ${why}`);
}

function unreachable(place: string, error: unknown): CommandError {
  const what = codeOf(error) === 'ECONNREFUSED' ? 'nothing listens there' : messageOf(error);
  return new CommandError(
    ExitCode.Fault,
    `no agent at ${place} (${what}); is it running, and is --admin-address the one that it was started with?`,
  );
}
