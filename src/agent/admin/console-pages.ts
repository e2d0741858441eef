/**
 * The console: a page, its script and its style, as `console/build.ts` made them. They are read when somebody asks for them, since
 * most agents are never looked at. The browser may keep them and asks each time whether they are still the same.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findUpwards } from '../../base/find-upwards.ts';
import { type AdminRequest, type Handler, plain, type Reply } from './http-server.ts';

const FILES = {
  'index.html': 'text/html; charset=utf-8',
  'console.js': 'text/javascript; charset=utf-8',
  'console.css': 'text/css; charset=utf-8',
  'icon.svg': 'image/svg+xml',
  'licenses.txt': 'text/plain; charset=utf-8',
} as const;
type FileName = keyof typeof FILES;

/** Nothing but its own script and style, and answers of this agent; nobody may frame it. */
const SECURITY = {
  'content-security-policy': [
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'",
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
  ].join('; '),
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-frame-options': 'DENY',
};

/** @param directory where the console was built; null: it was not. */
export function consolePages(directory: string | null = findUpwards(join('dist', 'console'))): Record<FileName, Handler> {
  const handlers = Object.keys(FILES).map((name) => [name, (request: AdminRequest) => answer(directory, name as FileName, request)]);
  return Object.fromEntries(handlers) as Record<FileName, Handler>;
}

async function answer(directory: string | null, name: FileName, { headers }: AdminRequest): Promise<Reply> {
  const body = directory === null ? null : await contentOf(join(directory, name));
  if (body === null) return plain('the console is not built; run scripts/build', 503);
  const etag = `"${createHash('sha256').update(body).digest('base64url')}"`;
  // At the address of the page, `curl` gets a list of what there is.
  const vary = name === 'index.html' ? { vary: 'accept' } : {};
  const reply = { type: FILES[name], headers: { ...SECURITY, ...vary, etag, 'cache-control': 'no-cache' } };
  const known = (headers['if-none-match'] ?? '').split(',').map((tag) => tag.trim().replace(/^W\//, ''));
  return known.includes(etag) || known.includes('*') ? { ...reply, status: 304, body: '' } : { ...reply, status: 200, body };
}

async function contentOf(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch {
    return null; // Never built, or being built at this moment.
  }
}
