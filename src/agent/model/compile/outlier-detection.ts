/** OutlierDetection with Istio's and Envoy's defaults (envoy.config.cluster.v3.OutlierDetection). */
import type { OutlierConfig } from '../../../l7/config/cluster.ts';
import type { OutlierDetection } from '../objects.ts';
import { milliseconds } from './durations.ts';

const ERRORS = 5;
const INTERVAL_MS = 10_000;
const BASE_MS = 30_000;
const MAX_PERCENT = 10;
/** The ledger's clock has 32 bits. */
const LONGEST_MS = 2 ** 30;

export function outlierConfig(detection: OutlierDetection): OutlierConfig {
  const { consecutive5xxErrors, consecutiveGatewayErrors, consecutiveLocalOriginFailures } = detection;
  const errorStatuses = detection.outlierDetectionHttpErrorCodes;
  return {
    consecutive5xx: consecutive5xxErrors ?? ERRORS,
    // Envoy counts them always, and ejects for them only when it is told to.
    consecutiveGateway: consecutiveGatewayErrors ?? 0,
    ...(errorStatuses !== undefined && { errorStatuses }),
    split: detection.splitExternalLocalOriginErrors ?? false,
    consecutiveLocal: consecutiveLocalOriginFailures || ERRORS,
    intervalMs: Math.min(milliseconds(detection.interval) || INTERVAL_MS, LONGEST_MS),
    baseEjectionMs: Math.min(milliseconds(detection.baseEjectionTime) || BASE_MS, LONGEST_MS),
    maxEjectionPercent: detection.maxEjectionPercent || MAX_PERCENT,
    minHealthPercent: detection.minHealthPercent ?? 0,
  };
}
