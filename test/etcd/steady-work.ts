// What goes on at several servers while something befalls them, and what must be true of it in the end: what was
// acknowledged is there, at each server alike, and no number of a sequence was given twice; a stream told of each change
// once, in its order; a session that was kept has not ended, and one that was not ends once.

import { setTimeout as wait } from "node:timers/promises";
import { expect } from "vitest";
import { Client } from "../../src/client/index.ts";
import { Http } from "../support/http.ts";

const folder = "/work";
const writerCount = 3;
const sessionCount = 3;
/** On a machine that is busy, nobody is silent for so long by chance. */
const usualTimeoutMs = 8000;
const patienceMs = 60_000;

interface Told {
  readonly type: string;
  readonly path: string;
  readonly zxid: number;
}

interface Kept {
  readonly id: string;
  readonly token: string;
  readonly path: string;
}

export class SteadyWork {
  readonly #urls: readonly string[];
  /** Paths of znodes that were acknowledged. */
  readonly acknowledged: string[] = [];
  /** All that the stream told of. */
  readonly told: Told[] = [];
  /** Ids of kept sessions that a server said were gone. */
  readonly ended: string[] = [];
  readonly #abort = new AbortController();
  readonly #running: Promise<void>[] = [];
  readonly #timeoutMs: number;
  #isOver = false;

  private constructor(urls: readonly string[], timeoutMs: number) {
    this.#urls = urls;
    this.#timeoutMs = timeoutMs;
  }

  /** @param timeoutMs of the sessions that are kept */
  static async start(urls: readonly string[], timeoutMs = usualTimeoutMs): Promise<SteadyWork> {
    const work = new SteadyWork(urls, timeoutMs);
    const { stat } = await work.#client().create(folder);
    const kept = await Promise.all(Array.from({ length: sessionCount }, (_, index) => work.#open(index)));
    work.#running.push(
      work.#watch(stat.czxid),
      ...Array.from({ length: writerCount }, (_, writer) => work.#write(writer)),
      ...kept.map((session, index) => work.#keep(session, index)),
    );
    return work;
  }

  #client(): Client {
    const [first, ...others] = this.#urls as [string, ...string[]];
    return new Client({ endpoint: [first, ...others] });
  }

  #http(index: number): Http {
    return new Http(this.#urls[index % this.#urls.length] as string);
  }

  /** Sequential znodes, one after the other; what becomes of one that fails in between may not be known. */
  async #write(writer: number): Promise<void> {
    const client = this.#client();
    while (!this.#isOver) {
      try {
        const mode = { kind: "persistent", sequential: true } as const;
        const { path } = await client.create(`${folder}/w${writer}-`, "", { mode });
        this.acknowledged.push(path);
        await wait(5);
      } catch {
        await wait(20);
      }
    }
  }

  /** Every creation and deletion, wherever the stream goes on. */
  async #watch(sinceZxid: number): Promise<void> {
    const request = { paths: [folder], scope: "children", sinceZxid, heartbeatMs: 1000 } as const;
    try {
      for await (const message of this.#client().watch(request, { signal: this.#abort.signal })) {
        if (message.type === "reset") throw new Error(`the stream was reset: ${message.reason}`);
        if (message.type !== "change") continue;
        for (const { type, path } of message.events) this.told.push({ type, path, zxid: message.zxid });
      }
    } catch (error) {
      if (!this.#abort.signal.aborted) throw error;
    }
  }

  async #open(index: number): Promise<Kept> {
    const http = this.#http(index);
    const { id, token } = (
      await http.post("/v1/sessions", { json: { timeoutMs: this.#timeoutMs } })
    ).json<Kept>();
    const path = `${folder}/kept-${index}`;
    const made = await http.post(`/v1/znodes${path}`, {
      query: "ephemeral=true",
      headers: { "session-token": token },
    });
    expect(made.status).toBe(201);
    return { id, token, path };
  }

  /** Asked for at one server after the other, as often as it takes: what is not answered is no end. */
  async #keep({ id, token }: Kept, index: number): Promise<void> {
    for (let turn = index; !this.#isOver; turn += 1) {
      const status = await this.#keptAlive(turn, id, token);
      if (status === 410) {
        this.ended.push(id);
        return;
      }
      await wait(status === 200 ? this.#timeoutMs / 5 : 20);
    }
  }

  async #keptAlive(turn: number, id: string, token: string): Promise<number | null> {
    const url = `${this.#urls[turn % this.#urls.length]}/v1/sessions/${id}`;
    const headers = { "session-token": token };
    // One server may stand still; the session is kept at another then.
    const signal = AbortSignal.timeout(this.#timeoutMs / 4);
    try {
      const answer = await fetch(url, { method: "PUT", headers, signal });
      await answer.text();
      return answer.status;
    } catch {
      return null;
    }
  }

  /** Resolves when so many more were acknowledged. */
  async goesOn(count = 5): Promise<void> {
    const enough = this.acknowledged.length + count;
    while (this.acknowledged.length < enough) await wait(10);
  }

  /** Nothing is done any more; what was is judged. */
  async judge(): Promise<void> {
    this.#isOver = true;
    const [watching, ...others] = this.#running;
    await Promise.all(others);
    expect(new Set(this.acknowledged).size).toBe(this.acknowledged.length);
    expect(this.ended).toEqual([]);

    const [tree, ...same] = await Promise.all(this.#urls.map((url) => treeAt(url, folder)));
    for (const other of same) expect(other).toEqual(tree);
    const names = new Set((tree as readonly Listed[]).map(({ path }) => path));
    expect(this.acknowledged.filter((path) => !names.has(path))).toEqual([]);

    const isThere = () => this.told.filter(({ type }) => type === "created").length >= names.size;
    await expect.poll(isThere, { timeout: patienceMs }).toBe(true);
    expect(this.told.filter(({ type }) => type === "deleted")).toEqual([]);
    expect(this.told.map(({ path }) => path).toSorted()).toEqual([...names].toSorted());
    const zxids = this.told.map(({ zxid }) => zxid);
    expect(zxids).toEqual(zxids.toSorted((one, other) => one - other));
    this.#abort.abort();
    await watching;
  }
}

interface Listed {
  readonly path: string;
  readonly stat: object;
}

/** What is below a path by then, with all of it, page by page. */
export async function treeAt(url: string, path: string): Promise<readonly Listed[]> {
  const http = new Http(url);
  const znodes: Listed[] = [];
  for (let after: string | null = null; ; ) {
    const from: string = after === null ? "" : `&after=${after}`;
    const target = `/v1/children${path}?include=stat&limit=10000&consistency=linearizable${from}`;
    const answer = await http.get(target).catch(() => null);
    if (answer?.status !== 200) {
      await wait(50);
      continue;
    }
    const page = answer.json<{ readonly znodes: readonly Listed[]; readonly next?: string | null }>();
    znodes.push(...page.znodes);
    if (typeof page.next !== "string") return znodes;
    after = page.next;
  }
}
