/** /feedback: keeps what people say of an analysis, in a database that outlives the pod. */
import { DatabaseSync } from 'node:sqlite';
import { type Answer, json, jsonObject, type Received } from '../service.ts';

export interface Feedback {
  readonly sentence: string;
  readonly polarity: number;
  readonly correct: boolean;
}

export class FeedbackStore {
  readonly #database: DatabaseSync;

  constructor(file: string) {
    this.#database = new DatabaseSync(file);
    this.#database.exec(
      'CREATE TABLE IF NOT EXISTS feedback (id INTEGER PRIMARY KEY, sentence TEXT NOT NULL, polarity REAL NOT NULL, correct INTEGER NOT NULL)',
    );
  }

  all(): (Feedback & { readonly id: number })[] {
    const rows = this.#database.prepare('SELECT id, sentence, polarity, correct FROM feedback ORDER BY id').all();
    return rows.map((row) => ({
      id: Number(row['id']),
      sentence: String(row['sentence']),
      polarity: Number(row['polarity']),
      correct: row['correct'] === 1,
    }));
  }

  add({ sentence, polarity, correct }: Feedback): void {
    this.#database.prepare('INSERT INTO feedback (sentence, polarity, correct) VALUES (?, ?, ?)').run(sentence, polarity, correct ? 1 : 0);
  }

  close(): void {
    this.#database.close();
  }
}

export function feedback(store: FeedbackStore): (request: Received) => Answer {
  return (request) => {
    const cors: Record<string, string> = request.headers.origin === undefined ? {} : { 'access-control-allow-origin': '*' };
    if (request.path.toLowerCase() !== '/feedback') return { status: 404 };
    if (request.method === 'GET') return json(200, store.all(), cors);
    if (request.method === 'OPTIONS') return preflight(request, cors);
    if (request.method !== 'POST') return { status: 405, headers: { allow: 'GET, POST', ...cors } };
    const given = parse(request.body);
    if (given === null) return json(400, { status: 400, title: 'expected {"sentence", "polarity", "correct"}' }, cors);
    store.add(given);
    return { status: 201, headers: cors };
  };
}

function parse(body: string): Feedback | null {
  const value = jsonObject(body);
  if (value === null) return null;
  const { sentence, polarity, correct } = value;
  if (typeof sentence !== 'string' || typeof polarity !== 'number' || typeof correct !== 'boolean') return null;
  return { sentence, polarity, correct };
}

function preflight(request: Received, cors: Readonly<Record<string, string>>): Answer {
  const wanted = request.headers['access-control-request-headers'];
  return {
    status: 204,
    headers: {
      ...cors,
      'access-control-allow-methods': request.headers['access-control-request-method'] ?? 'GET, POST',
      ...(wanted === undefined ? {} : { 'access-control-allow-headers': wanted }),
    },
  };
}
