/**
 * What is compared. All do the same work: HTTP/1.1 with kept-alive connections on both sides, one worker, no access log, a request id
 * made for each request, and a route by prefix and header out of three, 404 for what matches none.
 */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

export interface Place {
  /** The proxy's own, empty; for its configuration and whatever it writes. */
  readonly directory: string;
  readonly port: number;
  readonly upstreamPort: number;
}

export interface Proxy {
  readonly name: string;
  readonly describes: string;
  /** The cells in which it says something of its own; all, where absent. */
  readonly cells?: readonly string[];
  /** Why it cannot be started on this machine, or null. */
  missing(): string | null;
  /** Writes its configuration and returns the command that serves it in the foreground. */
  configure(place: Place): readonly [program: string, ...args: string[]];
}

/** The request that every proxy routes to the upstream by its last rule. */
export const REQUEST = { path: '/api/items', header: 'x-tenant: blue' } as const;

const DIRECTORIES = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin'];

export function findProgram(name: string): string | null {
  return DIRECTORIES.map((directory) => join(directory, name)).find(isExecutable) ?? null;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
