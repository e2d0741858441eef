/** HTTPFaultInjection: what is done to which share of the requests. */
import type { FaultConfig } from '../../../l7/config/route.ts';
import type { HttpFaultInjection } from '../objects.ts';
import { milliseconds } from './durations.ts';
import { shareOf } from './shares.ts';

/** Undefined: to none. No percentage means nobody. */
export function faultConfig(fault: HttpFaultInjection | undefined): FaultConfig | undefined {
  const delay = delayOf(fault?.delay);
  const abort = abortOf(fault?.abort);
  return delay === undefined && abort === undefined ? undefined : { ...(delay && { delay }), ...(abort && { abort }) };
}

function delayOf(delay: HttpFaultInjection['delay']): FaultConfig['delay'] {
  if (delay?.fixedDelay === undefined) return undefined;
  const { fixedDelay, percentage, percent = 0 } = delay;
  const share = percentage === undefined ? percent * 10_000 : shareOf(percentage);
  return share > 0 ? { share, ms: milliseconds(fixedDelay) } : undefined;
}

function abortOf(abort: HttpFaultInjection['abort']): FaultConfig['abort'] {
  const share = abort?.percentage === undefined ? 0 : shareOf(abort.percentage);
  if (abort === undefined || share === 0) return undefined;
  const { httpStatus: status, grpcStatus } = abort;
  if (grpcStatus !== undefined) return { share, grpcStatus };
  return status === undefined || status > 599 ? undefined : { share, status };
}
