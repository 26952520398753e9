// The server's own log of claims and writes, as a watch tells it over restarts: what really happened, and in which order.

import type { ChangeMessage, Client, ZnodeEvent } from "../../src/client/index.ts";
import { baseName, parentPath } from "../../src/core/tree/path.ts";
import { monotonicMs } from "./evidence.ts";
import type { ClaimRecord, WriteRecord } from "./judge.ts";

/** Some ticks of the wall clock. */
const offsetSoughtMs = 5;

interface Told {
  readonly claims: ClaimRecord[];
  readonly writes: WriteRecord[];
}

export class History {
  readonly #client: Client;
  readonly #closing = new AbortController();
  readonly #byTrial = new Map<string, Told>();
  readonly #marked = new Map<string, () => void>();
  readonly #claimEnded = new Map<string, () => void>();
  /** From the server's wall clock to the clock of the evidence. */
  readonly #wallOffsetMs = wallOffsetMs();
  readonly #following: Promise<void>;
  #failure: unknown = null;

  constructor(client: Client) {
    this.#client = client;
    this.#following = this.#follow();
  }

  /** What is known so far of a trial. */
  of(trial: string): Told {
    const told = this.#byTrial.get(trial) ?? { claims: [], writes: [] };
    this.#byTrial.set(trial, told);
    return told;
  }

  forget(trial: string): void {
    this.#byTrial.delete(trial);
  }

  /** Resolves as soon as the end of the claim is told. */
  untilEnded(path: string): Promise<void> {
    return new Promise((resolve) => this.#claimEnded.set(path, resolve));
  }

  /** Resolves when everything is known that was done before the call. @throws Error when the clock was set meanwhile */
  async complete(name: string): Promise<void> {
    const path = `/work/${name}`;
    const marked = new Promise<void>((resolve) => this.#marked.set(path, resolve));
    await this.#client.set(path, "", { create: "upsert" });
    await Promise.race([marked, this.#following]);
    if (this.#failure !== null) throw this.#failure;
    const driftMs = Math.abs(wallOffsetMs() - this.#wallOffsetMs);
    if (driftMs > 1)
      throw new Error(`The wall clock was set by ${driftMs} ms: the server's times say nothing.`);
  }

  close(): void {
    this.#closing.abort();
  }

  async #follow(): Promise<void> {
    const { signal } = this.#closing;
    const request = { paths: ["/locks", "/elections", "/work"], scope: "subtree", sinceZxid: 0 } as const;
    try {
      for await (const message of this.#client.watch(request, { signal })) {
        if (message.type === "reset") throw new Error(`the history is gone: ${message.reason}`);
        if (message.type === "change") this.#note(message);
      }
    } catch (error) {
      if (!signal.aborted) this.#failure = error;
    }
  }

  #note(message: ChangeMessage): void {
    for (const event of message.events) {
      const parent = parentPath(event.path);
      if (parent === "/work") this.#noteWrite(message, event);
      else if (parent.startsWith("/locks/") || parent.startsWith("/elections/")) {
        this.#noteClaim(message, event, this.of(baseName(parent)).claims);
      }
    }
  }

  #noteWrite({ zxid }: ChangeMessage, { path, data }: ZnodeEvent): void {
    const [fence, number] = data?.text().split(" ").map(Number) ?? [];
    if (fence !== undefined && number !== undefined)
      this.of(baseName(path)).writes.push({ zxid, fence, number });
    this.#marked.get(path)?.();
    this.#marked.delete(path);
  }

  #noteClaim({ zxid, timeMs, cause }: ChangeMessage, event: ZnodeEvent, claims: ClaimRecord[]): void {
    const { path, stat, type } = event;
    if (type === "created") {
      const number = Number(/\d+$/.exec(path)?.[0]);
      claims.push({ path, number, fence: stat.czxid, session: String(stat.ephemeralOwner), end: null });
    } else if (type === "deleted") {
      const index = claims.findIndex((claim) => claim.path === path && claim.end === null);
      const end = { zxid, atMs: timeMs + this.#wallOffsetMs, cause };
      claims[index] = { ...(claims[index] as ClaimRecord), end };
      this.#claimEnded.get(path)?.();
      this.#claimEnded.delete(path);
    }
  }
}

/** A wall clock that shows whole milliseconds has just moved on where the difference is least. */
export function wallOffsetMs(): number {
  const untilMs = monotonicMs() + offsetSoughtMs;
  let offsetMs = Number.POSITIVE_INFINITY;
  for (let nowMs = 0; nowMs < untilMs; ) {
    const wallMs = Date.now();
    // Read after it: whoever is held up in between finds too great a difference, and never too small a one.
    nowMs = monotonicMs();
    offsetMs = Math.min(offsetMs, nowMs - wallMs);
  }
  return offsetMs;
}
