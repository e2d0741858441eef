/** Shares of requests: Envoy counts them in millionths, and Istio cuts off what is finer. */
export const MILLION = 1_000_000;

/** A `Percent`, of which no value means 0. */
export function shareOf({ value = 0 }: { readonly value?: number | undefined }): number {
  return Math.trunc(value * 10_000);
}
