// Whose share of the service a request takes from. Everything that counts or bounds by client asks here and nowhere else.
// A client is known by its identity, and else by its network. Of this machine's own addresses the usual two are one client, since a program may
// use either; others of them were chosen on purpose, and are clients of their own.

import type { FastifyRequest } from "fastify";
import { addressOf } from "./client-address.ts";
import { clientNetworkOf } from "./client-network.ts";

const knownMax = 1000;
const usualAddress = "127.0.0.1";
const ownAddress = /^(?:::ffff:)?(127\.\d+\.\d+\.\d+)$/;

/** Nearly all requests come from an address that others came from before them. */
const known = new Map<string, string>();

/** Once it is known who asks, it is theirs, wherever they come from. */
export function shareHolderOf(request: FastifyRequest): string {
  return request.caller?.permits.by ?? shareHolderAt(addressOf(request));
}

/** Of a connection, which is counted before anything is asked on it. The address is not there when it is gone already. */
export function shareHolderAt(address = ""): string {
  const holder = known.get(address);
  return holder ?? learn(address);
}

function learn(address: string): string {
  const own = ownAddress.exec(address)?.[1];
  const holder = own === undefined || own === usualAddress ? clientNetworkOf(address) : own;
  if (known.size === knownMax) known.clear();
  known.set(address, holder);
  return holder;
}
