/** The events of a watch: JSON documents, one a line. */
import { ApiFailure } from './failure.ts';

/** An object of the API has 1.5 MB at most (etcd's limit of a request), 3 MB where the administrator raised it. */
const MAX_LINE_BYTES = 16 * 1024 * 1024;
const NEWLINE = 0x0a;

export async function* jsonLines(body: AsyncIterable<Buffer>): AsyncGenerator {
  let begun: Buffer[] = [];
  let length = 0;
  for await (const chunk of body) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      const line = Buffer.concat([...begun, chunk.subarray(start, end)]);
      begun = [];
      length = 0;
      start = end + 1;
      if (line.length > 0) yield parse(line.toString('utf8'));
    }
    if (start === chunk.length) continue;
    begun.push(chunk.subarray(start));
    length += chunk.length - start;
    if (length > MAX_LINE_BYTES) throw new ApiFailure('unreachable', `the API server sent an event of more than ${MAX_LINE_BYTES} bytes`);
  }
  // A watch that was cut off in the middle of an event: the next one begins before it.
}

export function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ApiFailure('unreachable', 'the API server sent something that is not JSON');
  }
}
