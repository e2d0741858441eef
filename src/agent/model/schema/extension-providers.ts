/** The fields of MeshConfig that say what is told of traffic, and to whom. */
import { z } from 'zod';
import { parseLogFormat } from '../log-format.ts';
import { duration, port } from './fields.ts';
import { customTags } from './telemetry.ts';

const service = z.string().min(1, 'the service of the provider must be given');

const zipkin = z.looseObject({ service, port, maxTagLength: z.number().int().min(0).optional(), path: z.string().optional() });
const headers = z.array(z.looseObject({ name: z.string().min(1), value: z.string().optional() })).optional();
const opentelemetry = z.looseObject({
  service,
  port,
  maxTagLength: z.number().int().min(0).optional(),
  http: z.looseObject({ path: z.string().min(1), timeout: duration.optional(), headers }).optional(),
  grpc: z.looseObject({ timeout: duration.optional(), initialMetadata: headers }).optional(),
});

const logFormat = z.string().superRefine((format, context) => {
  const parsed = parseLogFormat(format);
  if (!parsed.ok) context.addIssue({ code: 'custom', message: parsed.fault });
});
const logFormats = z.looseObject({ text: logFormat.optional(), labels: z.record(z.string(), logFormat).optional() }).optional();
const envoyFileAccessLog = z.looseObject({ path: z.string().min(1, 'the path of the file must be given'), logFormat: logFormats });
const envoyOtelAls = z.looseObject({ service, port, logName: z.string().optional(), logFormat: logFormats });

/** Providers of other kinds are taken by those that serve them. */
const provider = z.looseObject({
  name: z.string().min(1, 'a provider has a name'),
  zipkin: zipkin.optional(),
  opentelemetry: opentelemetry.optional(),
  envoyFileAccessLog: envoyFileAccessLog.optional(),
  envoyOtelAls: envoyOtelAls.optional(),
  prometheus: z.looseObject({}).optional(),
});

const proxyTracing = z.looseObject({
  zipkin: z.looseObject({ address: z.string().optional() }).optional(),
  sampling: z.number().min(0).max(100).optional(),
  maxPathTagLength: z.number().int().min(0).optional(),
  customTags: customTags.optional(),
  enableIstioTags: z.boolean().optional(),
});

export const TELEMETRY_FIELDS = {
  enableTracing: z.boolean().optional(),
  defaultConfig: z.looseObject({ tracing: proxyTracing.optional(), meshId: z.string().optional() }).optional(),
  defaultProviders: z
    .looseObject({
      metrics: z.array(z.string()).optional(),
      tracing: z.array(z.string()).optional(),
      accessLogging: z.array(z.string()).optional(),
    })
    .optional(),
  accessLogFile: z.string().optional(),
  accessLogEncoding: z.enum(['TEXT', 'JSON']).optional(),
  accessLogFormat: z.string().optional(),
  extensionProviders: z
    .array(provider)
    .superRefine((list, context) => {
      list.forEach(({ name }, index) => {
        const isGiven = list.findIndex((other) => other.name === name) !== index;
        if (isGiven) context.addIssue({ code: 'custom', path: [index, 'name'], message: `a provider ${name} is already given` });
      });
    })
    .optional(),
};
