/** Asks a running agent at its admin endpoint: at an address, or at a socket where one is given. */
import { type IncomingMessage, request as send, type RequestOptions } from 'node:http';
import { createInterface } from 'node:readline';
import { GATEWAY_CLIENT } from '../agent/admin/explain-request.ts';
import { type Environment, type FlagTable, type FlagValues, parseFlags } from '../agent/flags.ts';
import { CommandError, ExitCode, codeOf, messageOf } from '../base/errors.ts';
import { type SocketAddress, socketText } from '../base/socket-address.ts';
import { CLIENT_FLAGS } from './flag-tables.ts';

/** The agent answers from memory: if it takes this long, it hangs. */
const TIMEOUT_MS = 10_000;

export interface ClientArguments<T extends FlagTable> {
  readonly flags: FlagValues<T>;
  readonly positionals: readonly string[];
}

/** @throws CommandError with all errors of usage. */
export function clientArguments<T extends FlagTable>(table: T, args: readonly string[], environment: Environment): ClientArguments<T> {
  const parsed = parseFlags(table, args.flatMap(longForm), environment);
  if (!parsed.ok) throw new CommandError(ExitCode.Usage, parsed.errors.join('\n'));
  return { flags: parsed.values, positionals: parsed.positionals };
}

const SHORT: Readonly<Record<string, string>> = { o: 'output', H: 'header' };

function longForm(word: string): string[] {
  const [, letter = '', value = ''] = /^-([oH])=?(.*)$/s.exec(word) ?? [];
  const name = SHORT[letter];
  if (name === undefined) return [word];
  return [value === '' ? `--${name}` : `--${name}=${value}`];
}

/** Who is asked about: a pod, or those who come to Gateways. */
export function clientKey(name: string): string {
  return name === GATEWAY_CLIENT ? name : podKey(name);
}

/** `name` is of the namespace `default`. */
export function podKey(name: string): string {
  return name.includes('/') ? name : `default/${name}`;
}

/** Where the agent is asked. */
export type AdminPlace = Pick<FlagValues<typeof CLIENT_FLAGS>, 'admin-address' | 'admin-socket'>;

/** What JSON it answers. @throws CommandError that says what to do. */
export async function ask<T>(place: AdminPlace, path: string): Promise<T> {
  return JSON.parse(await askText(place, 'GET', path)) as T;
}

/** @throws CommandError that says what to do. */
export async function askText(place: AdminPlace, method: 'GET' | 'POST', path: string, body = ''): Promise<string> {
  const response = await open(place, method, path, body, TIMEOUT_MS);
  const text = await textOf(response);
  if (response.statusCode === 200) return text;
  throw new CommandError(ExitCode.Fault, refusal(nameOf(place), response.statusCode ?? 0, text));
}

/** Lines of an answer that does not end by itself. @throws CommandError that says what to do. */
export async function* askLines(place: AdminPlace, path: string): AsyncGenerator<string, void, undefined> {
  const response = await open(place, 'GET', path, '', 0);
  if (response.statusCode !== 200)
    throw new CommandError(ExitCode.Fault, refusal(nameOf(place), response.statusCode ?? 0, await textOf(response)));
  try {
    yield* createInterface({ input: response });
  } finally {
    response.destroy();
  }
}

/** An agent of this version says in words what is wrong with a question. */
function refusal(place: string, status: number, text: string): string {
  const isAnswer = status >= 400 && status < 600 && !text.startsWith('no such page');
  return isAnswer ? text.trimEnd().slice(0, 1000) : `${place} is not a Nodeway agent of this version: ${status} ${text.slice(0, 200)}`;
}

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

function open(place: AdminPlace, method: string, path: string, body: string, timeout: number): Promise<IncomingMessage> {
  const name = nameOf(place);
  return new Promise((done, failed) => {
    const headers = { host: 'localhost', 'content-length': Buffer.byteLength(body) };
    const request = send({ ...optionsOf(place), method, path, timeout, headers, agent: false }, done);
    request.on('timeout', () => request.destroy(new CommandError(ExitCode.Fault, `the agent at ${name} does not answer`)));
    request.on('error', (error) => failed(error instanceof CommandError ? error : unreachable(name, error)));
    request.end(body);
  });
}

function optionsOf(place: AdminPlace): RequestOptions {
  if (place['admin-socket'] !== '') return { socketPath: place['admin-socket'] };
  const { ip, port } = addressOf(place);
  return { host: ip, port };
}

function nameOf(place: AdminPlace): string {
  if (place['admin-socket'] !== '') return place['admin-socket'];
  const { ip, port } = addressOf(place);
  return socketText(ip, port);
}

function addressOf({ 'admin-address': address }: AdminPlace): SocketAddress {
  if (address === null) throw new CommandError(ExitCode.Usage, '--admin-address: an address is needed to ask the agent');
  return address;
}

function unreachable(place: string, error: unknown): CommandError {
  const code = codeOf(error);
  const what = code === 'ECONNREFUSED' || code === 'ENOENT' ? 'nothing listens there' : messageOf(error);
  const flag = place.startsWith('/') ? '--admin-socket' : '--admin-address';
  return new CommandError(
    ExitCode.Fault,
    `no agent at ${place} (${what}); is it running, and is ${flag} the one that it was started with?`,
  );
}
