// Where a server can be reached, as it really is: a host that was asked for may stand for many addresses.

import { lookup } from "node:dns/promises";
import { once } from "node:events";
import { type AddressInfo, createServer, type Server } from "node:net";
import type { FastifyInstance } from "fastify";

export interface Place {
  readonly host: string;
  /** 0 is a free one. */
  readonly port: number;
}

/**
 * A further address of a server: what connects there is the server's own connection, with its bounds and its certificate.
 * Fastify would make a second server of it, which has neither.
 */
class Door {
  readonly #listener: Server;

  private constructor(listener: Server) {
    this.#listener = listener;
  }

  /** @returns null where it cannot be opened: that `localhost` stands for an address does not mean that there is one */
  static async open({ server }: FastifyInstance, place: Place): Promise<Door | null> {
    // As Node makes a server of HTTP.
    const options = { allowHalfOpen: true, noDelay: true };
    const listener = createServer(options, (socket) => server.emit("connection", socket));
    try {
      await once(listener.listen(place), "listening");
      return new Door(listener);
    } catch {
      return null;
    }
  }

  get address(): AddressInfo {
    return this.#listener.address() as AddressInfo;
  }

  async close(): Promise<void> {
    await new Promise((resolve) => this.#listener.close(resolve));
  }
}

export class Doors {
  readonly #app: FastifyInstance;
  #others: readonly Door[] = [];

  constructor(app: FastifyInstance) {
    this.#app = app;
  }

  async open({ host, port }: Place, addressesOf = everyAddressOf): Promise<void> {
    const [first = host, ...others] = host === "localhost" ? await addressesOf(host) : [];
    await this.#app.listen({ host: first, port });
    const { port: opened } = this.#app.server.address() as AddressInfo;
    const doors = others.map((other) => Door.open(this.#app, { host: other, port: opened }));
    this.#others = (await Promise.all(doors)).filter((door) => door !== null);
  }

  get addresses(): readonly AddressInfo[] {
    const own = this.#app.addresses().filter((address) => typeof address !== "string");
    return [...own, ...this.#others.map(({ address }) => address)];
  }

  /** Nobody gets in from here on; it resolves when all who did are gone. */
  async close(): Promise<void> {
    await Promise.all(this.#others.map((door) => door.close()));
  }
}

async function everyAddressOf(host: string): Promise<string[]> {
  const all = await lookup(host, { all: true });
  return [...new Set(all.map(({ address }) => address))];
}

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
    isLoopback: isLoopback(address),
  };
}

/** Whether every address that a host stands for is this machine's own; of a name that stands for none nobody knows. */
export async function isLoopbackHost(host: string): Promise<boolean> {
  const addresses = await everyAddressOf(host).catch(() => []);
  return addresses.length > 0 && addresses.every(isLoopback);
}

function isLoopback(address: string): boolean {
  return address === "::1" || /^(::ffff:)?127\./.test(address);
}
