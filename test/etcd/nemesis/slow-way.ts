// A way to a server or a member on which everything takes its time: what comes in goes out so much later, in its order, and
// now and then as late as what was lost once and is sent again.

import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import type { Harm } from "./harms.ts";

interface Slowness {
  readonly delayMs: number;
  /** Of the pieces that pass. */
  readonly lossShare: number;
  /** How long it takes until a lost piece is sent again. */
  readonly againMs: number;
}

const quick: Slowness = { delayMs: 0, lossShare: 0, againMs: 0 };
export const slow: Slowness = { delayMs: 50, lossShare: 0.02, againMs: 200 };
const slowMs = 600;

/** For a while every way is slow. */
export function slowHarm(ways: SlowWays): Harm {
  return {
    name: "slow ways",
    befall: async () => {
      ways.become(slow);
      await wait(slowMs);
      ways.become(quick);
      return true;
    },
  };
}

/** Ways from some to others, made as they are asked for. */
export class SlowWays {
  readonly #chance: () => number;
  readonly #ways = new Map<string, SlowWay>();
  #slowness = quick;

  constructor(chance: () => number) {
    this.#chance = chance;
  }

  /** The same ones for the same askers. */
  async to(targets: readonly string[], whose: string): Promise<readonly string[]> {
    return await Promise.all(
      targets.map(async (target) => {
        const name = `${whose} ${target}`;
        const way = this.#ways.get(name) ?? (await SlowWay.start(target, this.#chance));
        way.slowness = this.#slowness;
        this.#ways.set(name, way);
        return way.url;
      }),
    );
  }

  become(slowness: Slowness): void {
    this.#slowness = slowness;
    for (const way of this.#ways.values()) way.slowness = slowness;
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#ways.values()].map((way) => way.stop()));
  }
}

class SlowWay {
  readonly #server: Server;
  readonly #chance: () => number;
  readonly #sockets = new Set<Socket>();
  slowness = quick;

  private constructor(target: URL, chance: () => number) {
    this.#chance = chance;
    this.#server = createServer({ noDelay: true }, (from) => {
      const to = connect({ port: Number(target.port), host: target.hostname, noDelay: true });
      this.#carry(from, to);
      this.#carry(to, from);
    });
  }

  static async start(target: string, chance: () => number): Promise<SlowWay> {
    const way = new SlowWay(new URL(target), chance);
    way.#server.listen(0, "127.0.0.1");
    await once(way.#server, "listening");
    return way;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  #carry(from: Socket, to: Socket): void {
    const line = new Line();
    this.#sockets.add(from);
    from.on("data", (piece) => line.add(this.#delayMs(), () => to.write(piece)));
    from.on("error", () => from.destroy());
    from.on("close", () => {
      this.#sockets.delete(from);
      line.add(this.#delayMs(), () => to.destroy());
    });
  }

  #delayMs(): number {
    const { delayMs, lossShare, againMs } = this.slowness;
    return delayMs + (this.#chance() < lossShare ? againMs : 0);
  }

  async stop(): Promise<void> {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await once(this.#server, "close");
  }
}

/** Deeds of which none overtakes the one before it. */
class Line {
  readonly #waiting: { readonly dueMs: number; readonly deed: () => void }[] = [];
  #lastMs = 0;

  add(delayMs: number, deed: () => void): void {
    const nowMs = performance.now();
    const dueMs = Math.max(this.#lastMs, nowMs + delayMs);
    this.#lastMs = dueMs;
    if (this.#waiting.length === 0 && dueMs <= nowMs) deed();
    else if (this.#waiting.push({ dueMs, deed }) === 1) this.#wait();
  }

  #wait(): void {
    const [next] = this.#waiting;
    if (next !== undefined) setTimeout(() => this.#take(), Math.max(0, next.dueMs - performance.now()));
  }

  #take(): void {
    const nowMs = performance.now();
    while ((this.#waiting[0]?.dueMs ?? Number.POSITIVE_INFINITY) <= nowMs) this.#waiting.shift()?.deed();
    this.#wait();
  }
}
