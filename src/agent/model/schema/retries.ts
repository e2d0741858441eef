/** networking.istio.io HTTPRetry. */
import { z } from 'zod';
import { int32, positiveDuration, present, text } from './fields.ts';

/** Envoy's conditions for `x-envoy-retry-on` and `x-envoy-retry-grpc-on`. */
const CONDITIONS = new Set(
  (
    '5xx gateway-error reset reset-before-request connect-failure retriable-4xx refused-stream retriable-status-codes ' +
    'retriable-headers envoy-ratelimited http3-post-connect-failure cancelled deadline-exceeded internal resource-exhausted unavailable'
  ).split(' '),
);
/** The registered ones; Istio refuses others. */
const STATUS = /^(10[0-3]|20[0-8]|226|30[0-578]|40\d|41[0-8]|42[1-689]|431|451|50[0-8]|51[01])$/;

export const retries = z
  .object({
    attempts: int32.min(0, 'may not be negative').optional(),
    perTryTimeout: positiveDuration.optional(),
    retryOn: text.optional(),
    retryRemoteLocalities: present(z.boolean()).optional(),
    retryIgnorePreviousHosts: present(z.boolean()).optional(),
    backoff: positiveDuration.optional(),
  })
  .superRefine((value, context) => {
    const { attempts, perTryTimeout, retryOn, retryRemoteLocalities } = value;
    const complain = (path: string[], message: string): void => context.addIssue({ code: 'custom', path, message });
    const configured = perTryTimeout !== undefined || retryOn !== undefined || retryRemoteLocalities !== undefined;
    if (attempts === undefined && configured) complain([], 'attempts must be given and above 0 when retries are configured');
    for (const condition of retryOn?.split(',') ?? []) {
      if (!CONDITIONS.has(condition) && !STATUS.test(condition)) complain(['retryOn'], `“${condition}” is no condition of retries`);
    }
  });
