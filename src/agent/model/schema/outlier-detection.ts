/** OutlierDetection of a DestinationRule, with the rules of Istio's own validation. */
import { z } from 'zod';
import { type Fault, int32, judged, positiveDuration, present, uint32 } from './fields.ts';

const percent = int32.min(0).max(100, 'must be between 0 and 100');

export const outlierDetection = judged(
  z
    .object({
      consecutiveErrors: int32.optional(),
      splitExternalLocalOriginErrors: z.boolean().optional(),
      consecutiveLocalOriginFailures: present(uint32).optional(),
      consecutiveGatewayErrors: present(uint32).optional(),
      consecutive5xxErrors: present(uint32).optional(),
      interval: positiveDuration.optional(),
      baseEjectionTime: positiveDuration.optional(),
      maxEjectionPercent: percent.optional(),
      minHealthPercent: percent.optional(),
      outlierDetectionHttpErrorCodes: z.array(z.number().int().min(100).max(599)).optional(),
    })
    .superRefine(({ splitExternalLocalOriginErrors, consecutiveLocalOriginFailures = 0 }, context) => {
      if (splitExternalLocalOriginErrors === true || consecutiveLocalOriginFailures === 0) return;
      const message = 'needs splitExternalLocalOriginErrors: true';
      context.addIssue({ code: 'custom', path: ['consecutiveLocalOriginFailures'], message });
    }),
  ({ consecutiveErrors }): readonly Fault[] => {
    if (consecutiveErrors === undefined) return [];
    const reason = 'deprecated, and not read any more; use consecutive5xxErrors or consecutiveGatewayErrors';
    return [{ path: ['consecutiveErrors'], reason, severity: 'warning' }];
  },
);
