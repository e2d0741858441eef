/** Where a server listens. */
export interface SocketAddress {
  readonly ip: string;
  readonly port: number;
}
