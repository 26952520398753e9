// How soon consumers hear of a death: many services have an instance on each host, each service has a stream that is
// told of its instances, and a host falls silent. Its instances must be gone from every stream in time.

import { connect, type Socket } from "node:net";
import { HttpSocket } from "../support/http-socket.ts";
import type { Contestant } from "./servers.ts";

export interface ServicesPace {
  readonly rounds: number;
  readonly services: number;
  /** Each has an instance of every service. */
  readonly hosts: number;
  readonly sessionTimeoutMs: number;
}

/** Of one host: when it was gone from the first and from the last stream, in ms beyond its session's timeout. */
interface HostDeath {
  readonly firstMs: number;
  readonly lastMs: number;
}

export interface ServicesResults {
  readonly services: number;
  readonly hosts: number;
  readonly deaths: readonly HostDeath[];
}

/** Of hosts that are to stay. */
const longTimeoutMs = 600_000;
const registrars = 32;
const giveUpMs = 30_000;

export async function measureServices(
  contestants: readonly Contestant[],
  pace: ServicesPace,
): Promise<ServicesResults> {
  const { port } = contestants.find(({ kind }) => kind === "treekeeper") as Contestant;
  const { rounds, services, hosts } = pace;
  await withSockets(port, registrars, async (sockets) => {
    for (let host = rounds; host < hosts; host += 1) {
      await register(sockets, services, host, await openSession(sockets, longTimeoutMs));
    }
  });
  const deaths: HostDeath[] = [];
  for (let round = 0; round < rounds; round += 1) deaths.push(await playRound(port, round, pace));
  return { services, hosts, deaths };
}

/** The host of the round registers everywhere, and is not heard of again. */
function playRound(port: number, host: number, pace: ServicesPace): Promise<HostDeath> {
  const { services, sessionTimeoutMs } = pace;
  return withSockets(port, registrars, async (sockets) => {
    const session = await openSession(sockets, sessionTimeoutMs);
    await register(sockets, services, host, session);
    const streams = Array.from(
      { length: services },
      (_, index) => new InstanceStream(port, serviceOf(index)),
    );
    try {
      await Promise.all(streams.map(({ synced }) => synced));
      const silentMs = performance.now();
      await expected(sockets[0] as HttpSocket, "PUT", `/v1/sessions/${session.id}`, session.header);
      const removedMs = await within(Promise.all(streams.map(({ removed }) => removed)));
      const dueMs = silentMs + sessionTimeoutMs;
      return { firstMs: Math.min(...removedMs) - dueMs, lastMs: Math.max(...removedMs) - dueMs };
    } finally {
      for (const stream of streams) stream.close();
    }
  });
}

interface HostSession {
  readonly id: string;
  readonly header: string;
}

async function openSession(sockets: readonly HttpSocket[], timeoutMs: number): Promise<HostSession> {
  const text = await expected(
    sockets[0] as HttpSocket,
    "POST",
    "/v1/sessions",
    "",
    `{"timeoutMs":${timeoutMs}}`,
  );
  const { id, token } = JSON.parse(text) as { readonly id: string; readonly token: string };
  return { id, header: `Session-Token: ${token}\r\n` };
}

/** An instance of every service, by all sockets together. */
async function register(
  sockets: readonly HttpSocket[],
  services: number,
  host: number,
  { header }: HostSession,
): Promise<void> {
  let next = 0;
  const registerSome = async (socket: HttpSocket) => {
    for (let index = next++; index < services; index = next++) {
      const body = `{"address":"10.0.0.${host}","port":8080}`;
      await expected(socket, "PUT", `/v1/services/${serviceOf(index)}/instances/host-${host}`, header, body);
    }
  };
  await Promise.all(sockets.map(registerSome));
}

function serviceOf(index: number): string {
  return `service-${index}`;
}

async function expected(socket: HttpSocket, method: string, target: string, headers: string, body = "") {
  const answer = await socket.request(method, target, headers, body);
  if (answer.status < 300) return answer.body;
  throw new Error(`${method} ${target} was answered with ${answer.status}: ${answer.body}`);
}

/** A stream of a service's instances. It looks for two words and parses nothing: a thousand share a core. */
class InstanceStream {
  readonly #socket: Socket;
  readonly #synced = Promise.withResolvers<void>();
  readonly #removed = Promise.withResolvers<number>();
  /** A word may come in two pieces. */
  #rest = "";

  constructor(port: number, service: string) {
    this.#socket = connect({ port, host: "127.0.0.1", noDelay: true });
    this.#socket.setEncoding("latin1").on("data", (piece) => this.#read(String(piece)));
    this.#socket.on("error", (error) => this.#lost(error));
    this.#socket.on("close", () => this.#lost(new Error("A stream of instances was cut off.")));
    const head = `GET /v1/services/${service}/events HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n`;
    this.#socket.write(`${head}Accept: text/event-stream\r\n\r\n`);
    // Whoever waits for them hears of a failure; until then it must not end the process.
    this.#synced.promise.catch(() => {});
    this.#removed.promise.catch(() => {});
  }

  get synced(): Promise<void> {
    return this.#synced.promise;
  }

  /** When it was told. */
  get removed(): Promise<number> {
    return this.#removed.promise;
  }

  close(): void {
    this.#socket.removeAllListeners("close");
    this.#socket.resetAndDestroy();
  }

  #read(piece: string): void {
    const text = this.#rest + piece;
    if (text.includes("event: removed")) this.#removed.resolve(performance.now());
    if (text.includes("event: synced")) this.#synced.resolve();
    this.#rest = text.slice(-20);
  }

  #lost(error: Error): void {
    this.#synced.reject(error);
    this.#removed.reject(error);
  }
}

async function withSockets<T>(
  port: number,
  count: number,
  work: (sockets: readonly HttpSocket[]) => Promise<T>,
): Promise<T> {
  const sockets = await Promise.all(Array.from({ length: count }, () => HttpSocket.connect(port)));
  try {
    return await work(sockets);
  } finally {
    for (const socket of sockets) socket.close();
  }
}

function within<T>(work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = new Error(`Not every stream heard of the death within ${giveUpMs} ms.`);
    const timer = setTimeout(() => reject(late), giveUpMs);
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
