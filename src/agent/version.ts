import { readFileSync } from 'node:fs';
import { findUpwards } from '../base/find-upwards.ts';

/** The version in package.json, which is in a directory above this file both in a checkout and in a build. */
export function ownVersion(): string {
  const path = findUpwards('package.json');
  return path === null ? 'unknown' : (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version;
}
