/** ConnectionPoolSettings, of a DestinationRule or a Sidecar, with the rules of Istio's own validation. */
import { z } from 'zod';
import { duration, int32, nanosecondsOf, positiveDuration, present, uint32 } from './fields.ts';

const count = int32.min(0, 'must not be negative');
/** 0 says that it is off. */
const idleTimeout = z.union([duration.refine((value) => nanosecondsOf(value) < 1e6), positiveDuration]);

const tcp = z.object({
  maxConnections: count.optional(),
  connectTimeout: positiveDuration.optional(),
  tcpKeepalive: z
    .object({ probes: uint32.optional(), time: positiveDuration.optional(), interval: positiveDuration.optional() })
    .optional(),
  maxConnectionDuration: positiveDuration.optional(),
  idleTimeout: present(idleTimeout).optional(),
});

const http = z
  .object({
    http1MaxPendingRequests: count.optional(),
    http2MaxRequests: count.optional(),
    maxRequestsPerConnection: count.optional(),
    maxRetries: count.optional(),
    idleTimeout: positiveDuration.optional(),
    h2UpgradePolicy: z.enum(['DEFAULT', 'DO_NOT_UPGRADE', 'UPGRADE']).optional(),
    useClientProtocol: z.boolean().optional(),
    maxConcurrentStreams: count.optional(),
    http2KeepAlive: z
      .object({
        interval: positiveDuration,
        timeout: positiveDuration,
      })
      .optional(),
  })
  .superRefine(({ h2UpgradePolicy, useClientProtocol }, context) => {
    if (h2UpgradePolicy !== 'UPGRADE' || useClientProtocol !== true) return;
    context.addIssue({
      code: 'custom',
      path: ['useClientProtocol'],
      message: 'h2UpgradePolicy UPGRADE and useClientProtocol exclude each other',
    });
  });

export const connectionPool = z
  .object({ tcp: tcp.optional(), http: http.optional() })
  .refine((value) => value.tcp !== undefined || value.http !== undefined, 'a connection pool has at least one of tcp and http');
