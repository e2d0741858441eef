/** networking.istio.io HTTPFaultInjection. */
import { z } from 'zod';
import { type Fault, int32, judged, positiveDuration, present, text } from './fields.ts';

/** google.golang.org/grpc/codes, by the names that Istio accepts; the position is the number. */
const GRPC_STATUSES = (
  'OK CANCELLED UNKNOWN INVALID_ARGUMENT DEADLINE_EXCEEDED NOT_FOUND ALREADY_EXISTS PERMISSION_DENIED RESOURCE_EXHAUSTED ' +
  'FAILED_PRECONDITION ABORTED OUT_OF_RANGE UNIMPLEMENTED INTERNAL UNAVAILABLE DATA_LOSS UNAUTHENTICATED'
).split(' ');

/** The finest share that Envoy knows is a millionth. */
const percentage = z.object({
  value: z
    .number()
    .min(0)
    .max(100)
    .refine((value) => value === 0 || value >= 0.0001, 'must be 0 or at least 0.0001')
    .optional(),
});

const delay = z
  .object({
    fixedDelay: positiveDuration.optional(),
    exponentialDelay: present(text).optional(),
    percentage: percentage.optional(),
    percent: int32.optional(),
  })
  .superRefine(({ exponentialDelay }, context) => {
    if (exponentialDelay === undefined) return;
    context.addIssue({ code: 'custom', path: ['exponentialDelay'], message: 'is not supported, by Istio neither; use fixedDelay' });
  });

const abort = z
  .object({
    httpStatus: present(int32.min(200).max(600)).optional(),
    grpcStatus: present(
      text
        .refine((name) => GRPC_STATUSES.includes(name), 'is not the name of a status of gRPC, such as UNAVAILABLE')
        .transform((name) => GRPC_STATUSES.indexOf(name)),
    ).optional(),
    http2Error: present(text).optional(),
    percentage: percentage.optional(),
  })
  .superRefine(({ httpStatus, grpcStatus, http2Error }, context) => {
    const complain = (field: string, message: string): void => context.addIssue({ code: 'custom', path: [field], message });
    if (http2Error !== undefined) complain('http2Error', 'is not supported, by Istio neither; use httpStatus or grpcStatus');
    if (httpStatus !== undefined && grpcStatus !== undefined) complain('grpcStatus', 'httpStatus and grpcStatus exclude each other');
  });

const block = z
  .object({ delay: delay.optional(), abort: abort.optional() })
  .refine((value) => value.delay !== undefined || value.abort !== undefined, 'one of delay and abort is needed');
type Block = z.output<typeof block>;

function faults(value: Block): Fault[] {
  const found: Fault[] = [];
  if (value.delay !== undefined && value.delay.fixedDelay === undefined) {
    found.push({ path: ['delay'], reason: 'has no fixedDelay, so nothing is delayed', severity: 'warning' });
  }
  if (value.abort?.httpStatus === 600) {
    found.push({ path: ['abort', 'httpStatus'], reason: 'no response has this status; nothing is aborted' });
  } else if (value.abort !== undefined && value.abort.httpStatus === undefined && value.abort.grpcStatus === undefined) {
    found.push({ path: ['abort'], reason: 'has neither httpStatus nor grpcStatus, so nothing is aborted', severity: 'warning' });
  }
  return found;
}

export const faultInjection = judged(block, faults);
