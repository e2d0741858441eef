/** Asks for names as the node does: /etc/hosts first, then the servers of /etc/resolv.conf, for addresses of both families. */
import { Resolver } from 'node:dns/promises';
import { readFile, stat } from 'node:fs/promises';
import { isIP } from 'node:net';
import { codeOf } from '../../base/errors.ts';
import { socketForm } from '../model/compile/hosts.ts';
import type { Answer, Lookup } from './name-resolver.ts';

const HOSTS_FILE = '/etc/hosts';
/** Of each server, before the next one is asked. */
const TIMEOUT_MS = 2000;
const TRIES = 2;
/** A file says nothing of how long it holds. */
const FILE_TTL_SECONDS = 5;

interface Found {
  readonly address: string;
  readonly ttl: number;
}

export function systemNames(file = HOSTS_FILE): Lookup {
  const resolver = new Resolver({ timeout: TIMEOUT_MS, tries: TRIES });
  const hosts = new HostsFile(file);
  return async (name) => {
    const written = await hosts.of(name);
    if (written.length > 0) return { addresses: written, ttlSeconds: FILE_TTL_SECONDS };
    return ask(resolver, name);
  };
}

/** The answer for one family is enough, unless the other one has no answer and this one has no address. */
async function ask(resolver: Resolver, name: string): Promise<Answer> {
  const [four, six] = await Promise.allSettled([resolver.resolve4(name, { ttl: true }), resolver.resolve6(name, { ttl: true })]);
  const found = [four, six].flatMap((one): Found[] => (one.status === 'fulfilled' ? one.value : []));
  const failure = [four, six].find((one) => one.status === 'rejected' && !saysNone(one.reason));
  if (found.length === 0 && failure?.status === 'rejected') throw failure.reason;
  const addresses = new Set(found.flatMap(({ address }) => socketForm(address) ?? []));
  return { addresses: [...addresses], ttlSeconds: found.reduce((least, { ttl }) => Math.min(least, ttl), found[0]?.ttl ?? 0) };
}

/** The name does not exist, or has no address of that family. */
const saysNone = (error: unknown): boolean => ['ENOTFOUND', 'ENODATA'].includes(codeOf(error));

class HostsFile {
  readonly #path: string;
  #version = '';
  #names = new Map<string, string[]>();

  constructor(path: string) {
    this.#path = path;
  }

  async of(name: string): Promise<readonly string[]> {
    try {
      const { mtimeMs, size } = await stat(this.#path);
      const version = `${mtimeMs} ${size}`;
      if (version !== this.#version) {
        this.#names = parseHosts(await readFile(this.#path, 'utf8'));
        this.#version = version;
      }
    } catch {
      // A node without the file has no names in it.
      this.#names.clear();
      this.#version = '';
    }
    return this.#names.get(name) ?? [];
  }
}

function parseHosts(text: string): Map<string, string[]> {
  const names = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    const [ip = '', ...aliases] = (line.split('#', 1)[0] ?? '').trim().split(/\s+/);
    const address = isIP(ip) === 0 ? null : socketForm(ip);
    if (address === null) continue;
    for (const alias of aliases) {
      const name = alias.toLowerCase();
      names.set(name, [...(names.get(name) ?? []), address]);
    }
  }
  return names;
}
