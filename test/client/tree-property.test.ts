import fc from "fast-check";
import { expect } from "vitest";
import type { Client } from "../../src/client/client.ts";
import type { WatchedZnode } from "../../src/client/watches/messages.ts";
import type { TreeChange, TreeCopy } from "../../src/client/watches/tree-copy.ts";
import { Http } from "../support/http.ts";
import type { CuttingProxy } from "./cutting-proxy.ts";
import { test } from "./proxied.ts";

type Write =
  | { readonly type: "create" | "set"; readonly path: string; readonly body: string }
  | { readonly type: "delete"; readonly path: string }
  | { readonly type: "replace"; readonly path: string; readonly body: string };

type Step =
  | Write
  | { readonly type: "cut" }
  | { readonly type: "cutAfter"; readonly bytes: number }
  /** Look at the server's tree, and at what the copies were at its zxid. */
  | { readonly type: "look" }
  | { readonly type: "follow" };

const path = fc
  .array(fc.constantFrom("a", "b", "c"), { minLength: 1, maxLength: 3 })
  .map((names) => `/${names.join("/")}`);
const body = fc.string({ maxLength: 40, unit: "binary" });

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ type: fc.constant("create" as const), path, body }) },
  { weight: 4, arbitrary: fc.record({ type: fc.constant("set" as const), path, body }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("delete" as const), path }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("replace" as const), path, body }) },
  { weight: 1, arbitrary: fc.constant({ type: "cut" } as const) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("cutAfter" as const), bytes: fc.nat(3000) }) },
  { weight: 2, arbitrary: fc.constant({ type: "look" } as const) },
  { weight: 1, arbitrary: fc.constant({ type: "follow" } as const) },
);

for (const historyMessagesMax of [100_000, 3]) {
  test(`copies are the server's tree at their zxid, wherever the connection is cut, with ${historyMessagesMax} messages of history [W19, W28]`, async ({
    serve,
  }) => {
    const { server, proxy, client } = await serve("--history-messages-max", String(historyMessagesMax));
    const http = new Http(server.url);
    let runs = 0;
    const followsTheServer = async (steps: readonly Step[]) => {
      runs += 1;
      await new Run({ http, proxy, client, root: `/run-${runs}` }).play(steps);
    };
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 60, size: "max" }), followsTheServer),
      { numRuns: 15, endOnFailure: true },
    );
    expect(proxy.cutCount).toBeGreaterThan(0);
  }, 120_000);
}

interface RunParts {
  readonly http: Http;
  readonly proxy: CuttingProxy;
  readonly client: Client;
  /** The subtree that is this run's own. */
  readonly root: string;
}

class Run {
  readonly #parts: RunParts;
  readonly #abort = new AbortController();
  readonly #followers: Follower[] = [];
  /** The server's tree, as it was read now and then. */
  readonly #looks: { readonly zxid: number; readonly text: string }[] = [];

  constructor(parts: RunParts) {
    this.#parts = parts;
  }

  async play(steps: readonly Step[]): Promise<void> {
    const { http, proxy, root } = this.#parts;
    this.#follow();
    await http.post(`/v1/znodes${root}`);
    for (const next of steps) await this.#do(next);
    this.#follow();
    await http.post(`/v1/znodes${root}/end`);
    proxy.cutAfter(Number.POSITIVE_INFINITY);
    await this.#look();
    for (const follower of this.#followers) await follower.untilEnd;
    for (const follower of this.#followers) follower.check(this.#looks);
    this.#abort.abort();
    await Promise.all(this.#followers.map(({ copy }) => copy.closed));
  }

  #follow(): void {
    const { client, root } = this.#parts;
    this.#followers.push(new Follower(client, root, this.#abort.signal));
  }

  async #do(next: Step): Promise<void> {
    const { proxy } = this.#parts;
    if (next.type === "cut") proxy.cut();
    else if (next.type === "cutAfter") proxy.cutAfter(next.bytes);
    else if (next.type === "look") await this.#look();
    else if (next.type === "follow") this.#follow();
    else await this.#write(next);
  }

  /** A write that the tree does not allow is refused, and no event. */
  async #write(write: Write): Promise<void> {
    const { http, root } = this.#parts;
    const url = `/v1/znodes${root}${write.path}`;
    if (write.type === "create") await http.post(url, { body: write.body, query: "parents=true" });
    else if (write.type === "set") await http.put(url, { body: write.body });
    else if (write.type === "delete") await http.delete(url, { query: "recursive=true" });
    else await this.#replace(root + write.path, write.body);
  }

  /** Another incarnation, made, set and given a child in the transaction that ends the old one. */
  async #replace(replaced: string, data: string): Promise<void> {
    const operations = [
      { op: "delete", path: replaced },
      { op: "create", path: replaced, data: "" },
      { op: "create", path: `${replaced}/child`, data },
      { op: "set", path: replaced, data },
    ];
    await this.#parts.http.post("/v1/transactions", { json: { operations } });
  }

  /** The tree as the server shows it, read without the client and without the proxy. */
  async #look(): Promise<void> {
    const { http, root } = this.#parts;
    const stream = await http.stream("/v1/watch", { query: { path: root, scope: "subtree", initial: true } });
    const { data } = await stream.untilEvent("synced");
    stream.close();
    const znodes = stream.named("snapshot").flatMap((page) => page.data.znodes as WireZnode[]);
    this.#looks.push({ zxid: Number(data.zxid), text: JSON.stringify(znodes) });
  }
}

interface WireZnode {
  readonly path: string;
  readonly data: string;
  readonly stat: object;
}

interface State {
  readonly zxid: number;
  /** Whether it came about by one transaction after the state before it. */
  readonly isNext: boolean;
  readonly text: string;
}

/** A copy, every state it was in, and what one would hold who only heard `changed`. */
class Follower {
  readonly copy: TreeCopy;
  readonly untilEnd: Promise<void>;
  readonly #states: State[] = [];
  readonly #heard = new Map<string, string | undefined>();
  #onEnd: () => void = () => {};

  constructor(client: Client, root: string, signal: AbortSignal) {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.untilEnd = promise;
    this.#onEnd = resolve;
    this.copy = client.tree(root, { signal, changed: (change) => this.#note(change) });
    this.copy.closed.catch(reject);
  }

  #note({ zxid, cause, events }: TreeChange): void {
    for (const { type, path: changed, data } of events) {
      if (type === "deleted") this.#heard.delete(changed);
      else this.#heard.set(changed, data?.text());
    }
    const text = textOf(this.copy);
    expect(this.copy.zxid).toBe(zxid);
    expect(this.copy.size).toBe(this.#heard.size);
    for (const { path: shown, data } of this.copy) expect(this.#heard.get(shown)).toBe(data?.text());
    this.#states.push({ zxid, isNext: cause !== "snapshot", text });
    if (this.copy.has(`${this.copy.path}/end`)) this.#onEnd();
  }

  /** At each look, the copy's state at that zxid was the server's. */
  check(looks: readonly { readonly zxid: number; readonly text: string }[]): void {
    for (const { zxid, text } of looks) {
      const index = this.#states.findLastIndex((state) => state.zxid <= zxid);
      const state = this.#states[index];
      const after = this.#states[index + 1];
      // What happened between a copy and the snapshot that replaced it was not told to it.
      const isKnown = state !== undefined && (after === undefined || after.isNext);
      if (isKnown) expect(state.text).toBe(text);
    }
    expect(this.#states.at(-1)?.text).toBe(looks.at(-1)?.text);
  }
}

function textOf(copy: Iterable<WatchedZnode>): string {
  return JSON.stringify(
    [...copy].map(({ path: shown, data, stat }) => ({ path: shown, data: data?.text(), stat })),
  );
}
