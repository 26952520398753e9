// Three servers over three members while one or another of them is killed or stands still: what was acknowledged is there, at
// every server alike; a stream that goes on from server to server tells of each change once, in its order; and a number of a
// sequence is given once.

import { setTimeout as wait } from "node:timers/promises";
import { expect, test } from "vitest";
import { Client } from "../../src/client/index.ts";
import { Http } from "../support/http.ts";
import { random } from "../support/random.ts";
import { Cluster } from "./cluster.ts";

const seeds = process.env.FULL ? [1, 2] : [1];
const roundsPerSeed = process.env.FULL ? 12 : 5;
const serverCount = 3;
const writerCount = 3;
/** Between two harms: so long everything is well. */
const peaceMs = 500;

/** What is done to a server or a member, and how long it stays so. */
const harms = ["server killed", "server stopped", "member killed", "member stopped"] as const;
const harmMs = {
  "server killed": 300,
  "server stopped": 1500,
  "member killed": 1000,
  "member stopped": 1500,
};

async function harm(cluster: Cluster, kind: (typeof harms)[number], index: number): Promise<void> {
  const [server, member] = [cluster.server(index), cluster.member(index)];
  const stopped = kind === "server stopped" ? server : member;
  if (kind === "server killed") await server.kill();
  else if (kind === "member killed") await member.kill();
  else stopped.signal("SIGSTOP");
  await wait(harmMs[kind]);
  if (kind === "server killed") await cluster.startServer(index);
  else if (kind === "member killed") member.restart();
  else stopped.signal("SIGCONT");
}

interface Writing {
  isOver: boolean;
  /** Paths of znodes that were acknowledged. */
  readonly acknowledged: string[];
}

test.for(seeds)(
  "nothing acknowledged is lost, told twice or given twice, with seed %i",
  async (seed, { onTestFinished }) => {
    const cluster = await Cluster.start();
    onTestFinished(() => cluster.stop());
    const chance = random(seed);
    const [first, ...others] = cluster.urls as [string, ...string[]];
    const endpoint = [first, ...others];
    const { stat } = await new Client({ endpoint }).create("/n");
    const watching = watch(new Client({ endpoint }), stat.czxid);
    const writings = Array.from({ length: writerCount }, (_, writer) =>
      write(new Client({ endpoint }), writer),
    );
    for (let round = 0; round < roundsPerSeed; round += 1) {
      await wait(peaceMs);
      const kind = harms[Math.floor(chance() * harms.length)] as (typeof harms)[number];
      await harm(cluster, kind, Math.floor(chance() * serverCount));
    }
    for (const { writing } of writings) writing.isOver = true;
    await Promise.all(writings.map(({ done }) => done));
    const acknowledged = writings.flatMap(({ writing }) => writing.acknowledged);
    expect(acknowledged.length).toBeGreaterThan(roundsPerSeed);
    expect(new Set(acknowledged).size).toBe(acknowledged.length);

    const trees = await Promise.all(cluster.urls.map(readTree));
    expect(trees[1]).toEqual(trees[0]);
    expect(trees[2]).toEqual(trees[0]);
    const names = new Set((trees[0] as Listed).znodes.map(({ path }) => path));
    expect(acknowledged.filter((path) => !names.has(path))).toEqual([]);

    await expect.poll(() => watching.created.length, { timeout: 60_000 }).toBeGreaterThanOrEqual(names.size);
    expect(watching.created.map(({ path }) => path).toSorted()).toEqual([...names].toSorted());
    const zxids = watching.created.map(({ zxid }) => zxid);
    expect(zxids).toEqual(zxids.toSorted((one, other) => one - other));
    watching.end();
  },
);

interface Listed {
  readonly znodes: readonly Znode[];
}

interface Znode {
  readonly path: string;
  readonly stat: object;
}

/** What is there by then, with all of it, page by page: nothing is written any more, and no answer is from before. */
async function readTree(url: string): Promise<Listed> {
  const http = new Http(url);
  const znodes: Znode[] = [];
  for (let after: string | null = null; ; ) {
    const from: string = after === null ? "" : `&after=${after}`;
    const target = `/v1/children/n?include=stat&limit=10000&consistency=linearizable${from}`;
    const answer = await http.get(target);
    if (answer.status !== 200) {
      await wait(50);
      continue;
    }
    const page = answer.json<Listed & { readonly next?: string | null }>();
    znodes.push(...page.znodes);
    if (typeof page.next !== "string") return { znodes };
    after = page.next;
  }
}

/** Sequential znodes, one after the other; what becomes of one that fails in between may not be known. */
function write(client: Client, writer: number): { readonly writing: Writing; readonly done: Promise<void> } {
  const writing: Writing = { isOver: false, acknowledged: [] };
  const run = async () => {
    while (!writing.isOver) {
      try {
        const { path } = await client.create(`/n/w${writer}-`, "", {
          mode: { kind: "persistent", sequential: true },
        });
        writing.acknowledged.push(path);
      } catch {
        await wait(20);
      }
    }
  };
  return { writing, done: run() };
}

/** Every creation below /n, from the beginning on, wherever the stream goes on. */
function watch(client: Client, sinceZxid: number) {
  const created: { readonly path: string; readonly zxid: number }[] = [];
  const abort = new AbortController();
  const request = { paths: ["/n"], scope: "children", sinceZxid, heartbeatMs: 1000 } as const;
  const run = async () => {
    for await (const message of client.watch(request, { signal: abort.signal })) {
      if (message.type === "reset") throw new Error(`reset: ${message.reason}`);
      if (message.type !== "change") continue;
      for (const { type, path } of message.events)
        if (type === "created") created.push({ path, zxid: message.zxid });
    }
  };
  const done = run().catch((error: unknown) => {
    if (!abort.signal.aborted) throw error;
  });
  done.catch(() => {});
  return { created, end: () => abort.abort() };
}
