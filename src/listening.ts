// Where a server can be reached, as it really is: a host that was asked for may stand for many addresses.

import type { AddressInfo } from "node:net";

export interface Address {
  /** Of one that stands for all addresses of the machine, it is that one which is named. */
  readonly url: string;
  /** Whether only programs on this machine can reach it. */
  readonly isLoopback: boolean;
}

export function addressOf({ address, family, port }: AddressInfo, scheme: "http" | "https"): Address {
  const host = family === "IPv6" ? `[${address}]` : address;
  return {
    url: `${scheme}://${host}:${port}`,
    isLoopback: address === "::1" || /^(::ffff:)?127\./.test(address),
  };
}
