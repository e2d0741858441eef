/** gRPC's status codes as statuses of HTTP, as Envoy maps them (grpc/status.cc): for whoever judges a response by its status. */
const HTTP_STATUS = [200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401];

export function httpStatusOfGrpc(code: number): number {
  return HTTP_STATUS[code] ?? 500;
}
