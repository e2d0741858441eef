/** SA_LOGIC_API_URL says where the logic service is. */
import { run } from '../service.ts';
import { webApp } from './web-app.ts';

const { SA_LOGIC_API_URL = 'http://sa-logic' } = process.env;

await run({ name: 'sa-web-app', defaultPort: 8080, handle: webApp(SA_LOGIC_API_URL) });
