/** What a file looks like from outside: whether it has changed, and how. */
import { type Stats, statSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { messageOf } from '../../base/errors.ts';

export interface Look {
  /** Changes with the file; the error, where it could not be seen. */
  readonly stamp: string;
  readonly inode: number;
  readonly size: number;
  /** Changed otherwise since it was written to, as by a rename. Emptying a file shows so too, and does not count. */
  readonly moved: boolean;
}

export async function lookAt(file: string): Promise<Look> {
  try {
    return seen(await stat(file));
  } catch (error) {
    return unseen(error);
  }
}

/** For many files: a call that waits for another thread costs ten times as much as the look. */
export function lookAtOnce(file: string): Look {
  try {
    return seen(statSync(file));
  } catch (error) {
    return unseen(error);
  }
}

function seen({ mtimeMs, ctimeMs, size, ino }: Stats): Look {
  return { stamp: `${ino}:${size}:${mtimeMs}:${ctimeMs}`, inode: ino, size, moved: size > 0 && ctimeMs !== mtimeMs };
}

function unseen(error: unknown): Look {
  return { stamp: messageOf(error), inode: 0, size: 0, moved: false };
}
