/** Reads files of manifests, one after the other, and hands over what is in them in parts. Started by `FileReaders`. */
import { readFileSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { messageOf } from '../../base/errors.ts';
import { chunksOf, textOf, withoutMark } from './chunks.ts';
import { type DocumentData, movedData, readData } from './document-data.ts';
import { hashOf } from './document.ts';
import { lookAtOnce } from './look.ts';
import { SharedTexts } from './shared-texts.ts';

export interface ReaderJob {
  readonly id: number;
  readonly file: string;
  /** Hashes of documents that need not be read again, as often as there is such a document. */
  readonly known: readonly string[];
}

export type ReaderAnswer =
  | { readonly type: 'documents'; readonly documents: readonly DocumentData[] }
  /** The end; with what the file looked like before it was read, or why it cannot be read. */
  | { readonly type: 'end'; readonly stamp: string; readonly error: string | null };

export interface ReaderSettings {
  /** One Int32: the number of the job that nobody waits for any more. */
  readonly unwanted: SharedArrayBuffer;
}

/** Taken over in about a millisecond. */
const DOCUMENTS_A_PART = 250;

const port = parentPort;
if (port === null) throw new Error('this is a worker thread');
const unwanted = new Int32Array((workerData as ReaderSettings).unwanted);
const answer = (message: ReaderAnswer): void => port.postMessage(message);

port.on('message', (job: ReaderJob) => {
  const { stamp } = lookAtOnce(job.file);
  try {
    read(job);
    answer({ type: 'end', stamp, error: null });
  } catch (error) {
    answer({ type: 'end', stamp, error: messageOf(error) });
  }
});

function read({ id, file, known }: ReaderJob): void {
  const text = withoutMark(textOf(readFileSync(file)));
  const left = new Map<string, number>();
  for (const hash of known) left.set(hash, (left.get(hash) ?? 0) + 1);
  const strings = new SharedTexts();
  let documents: DocumentData[] = [];
  for (const chunk of chunksOf(text)) {
    if (Atomics.load(unwanted, 0) === id) return;
    const hash = hashOf(chunk);
    const again = left.get(hash) ?? 0;
    if (again > 0) left.set(hash, again - 1);
    documents.push(again > 0 ? movedData(chunk, hash) : readData(file, chunk, hash, strings));
    if (documents.length < DOCUMENTS_A_PART) continue;
    answer({ type: 'documents', documents });
    documents = [];
  }
  if (documents.length > 0) answer({ type: 'documents', documents });
}
