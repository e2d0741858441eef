/** BUILD is `white` or `green`: two releases of the page with differently named assets. */
import { hostname } from 'node:os';
import { run } from '../service.ts';
import { frontend } from './frontend.ts';
import { type Build, BUILDS, site } from './site.ts';

const { BUILD = 'white', POD_NAME = hostname() } = process.env;
if (!Object.hasOwn(BUILDS, BUILD)) throw new Error(`BUILD=${BUILD}: one of ${Object.keys(BUILDS).join(', ')}`);

await run({ name: `sa-frontend ${BUILD}`, defaultPort: 80, handle: frontend(await site(BUILD as Build, POD_NAME)) });
