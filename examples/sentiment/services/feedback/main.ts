/** DATABASE_DIR is where Feedback.db lives: a mounted volume, so that it survives the pod. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../service.ts';
import { feedback, FeedbackStore } from './feedback.ts';

const { DATABASE_DIR = '.' } = process.env;

mkdirSync(DATABASE_DIR, { recursive: true });
await run({ name: 'sa-feedback', defaultPort: 80, handle: feedback(new FeedbackStore(join(DATABASE_DIR, 'Feedback.db'))) });
