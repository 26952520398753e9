// Where a request comes from. That is the other end of its connection, unless the operator has named that one as a proxy of
// his: then it is what the proxy says. What anybody else says of it in a header counts for nothing.

import { BlockList, isIP } from "node:net";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { remoteAddressOf } from "./connection-of.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** What a proxy says that is believed; null where the request came from its client itself. */
    forwardedFor: string | null;
  }
}

/** The proxies that are believed, by their addresses. */
export class Proxies {
  readonly #list = new BlockList();
  readonly isEmpty: boolean;

  /** @param networks addresses, and networks as an address and `/bits` */
  constructor(networks: readonly string[]) {
    this.isEmpty = networks.length === 0;
    for (const network of networks) {
      const [address = "", bits] = network.split("/");
      const family = familyOf(address);
      if (bits === undefined) this.#list.addAddress(address, family);
      else this.#list.addSubnet(address, Number(bits), family);
    }
  }

  /** IPv4 counts as such also where it came in over IPv6. @param address undefined of a connection that is gone */
  has(address: string | undefined): boolean {
    if (address === undefined || this.isEmpty) return false;
    const plain = withoutZone(address);
    return isIP(plain) !== 0 && this.#list.check(plain, familyOf(plain));
  }
}

/** The interface that an address is reached by: it means something to whoever has it alone, and may be of any length. */
function withoutZone(address: string): string {
  return address.replace(/%.*$/, "");
}

function familyOf(address: string): "ipv4" | "ipv6" {
  return isIP(address) === 6 ? "ipv6" : "ipv4";
}

/** Call before any hook that asks for an address; Fastify reads the header, from its end, as far as proxies go. */
export function readForwarded(app: FastifyInstance, proxies: Proxies): void {
  app.decorateRequest("forwardedFor", null);
  if (proxies.isEmpty) return;
  app.addHook("onRequest", (request, _reply, done) => {
    const { remoteAddress } = request.raw.socket;
    if (remoteAddress !== undefined && proxies.has(remoteAddress)) {
      const ip = withoutZone(request.ip);
      // A proxy that passes on what is no address says nothing: what it carries is then its own.
      request.forwardedFor = isIP(ip) === 0 ? remoteAddress : ip;
    }
    done();
  });
}

/** Of the client, also when it is gone. */
export function addressOf({ forwardedFor, raw }: FastifyRequest): string {
  return forwardedFor ?? remoteAddressOf(raw);
}

/** Whether it came on a connection that carries the requests of many clients. */
export function isForwarded({ forwardedFor }: FastifyRequest): boolean {
  return forwardedFor !== null;
}
