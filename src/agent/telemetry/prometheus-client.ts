/**
 * The parts of prom-client that the agent uses. Its main module also loads https, cluster and a collector of default metrics, which
 * cost 13 MB of memory (measured, Node.js 24). process-metrics.ts replaces them.
 */
import { createRequire } from 'node:module';
import type * as PromClient from 'prom-client';

const require = createRequire(import.meta.url);
export const Registry = require('prom-client/lib/registry') as typeof PromClient.Registry;
export const Gauge = require('prom-client/lib/gauge') as typeof PromClient.Gauge;
export const Counter = require('prom-client/lib/counter') as typeof PromClient.Counter;
export const Histogram = require('prom-client/lib/histogram') as typeof PromClient.Histogram;
export type Registry<Type extends PromClient.RegistryContentType = PromClient.PrometheusContentType> = PromClient.Registry<Type>;
export type RegistryContentType = PromClient.RegistryContentType;
