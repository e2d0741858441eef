/** Every proxy, in the order of the report. */
import { engine } from './engine.ts';
import { haproxy, haproxySplice } from './haproxy.ts';
import { nginx } from './nginx.ts';
import { nodeway } from './nodeway.ts';
import type { Proxy } from './proxy.ts';

export const PROXIES: readonly Proxy[] = [nodeway, engine, haproxy, haproxySplice, nginx];
export const DEFAULT_PROXIES: readonly Proxy[] = [nodeway, haproxy, haproxySplice, nginx];

/** What the ratios refer to. */
export const REFERENCE = haproxy;
