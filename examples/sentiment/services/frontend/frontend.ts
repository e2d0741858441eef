/** GET of the files of one build, 404 for everything else. */
import type { Answer, Received } from '../service.ts';
import type { Site } from './site.ts';

export function frontend(site: Site): (request: Received) => Answer {
  return ({ method, path }) => {
    if (method !== 'GET' && method !== 'HEAD') return { status: 405, headers: { allow: 'GET, HEAD' } };
    const file = site.get(path);
    if (file === undefined) return { status: 404, headers: { 'content-type': 'text/plain' }, body: 'not in this build\n' };
    return { status: 200, headers: { 'content-type': file.type, 'cache-control': file.cache }, body: file.body };
  };
}
