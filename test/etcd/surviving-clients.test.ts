// `treekeeper lock`, `elect` and `register`, and a program with the client library, are given three servers. Again and again the
// very server that one of them talks to is killed or stands still: the command under the lock goes on and nobody else gets
// the lock, the leader leads, the instance is never missing from the list, and a stream has no gap.

import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import { expect, test } from "vitest";
import { Client } from "../../src/client/index.ts";
import { CliProcess } from "../cli/fixture.ts";
import { rounds } from "../support/effort.ts";
import { Http } from "../support/http.ts";
import type { Cluster } from "./cluster.ts";
import { expectHeldAndNobodyLost } from "./nemesis/hold.ts";
import { endsWithin, quickCluster } from "./nemesis/quick-cluster.ts";
import { Workload } from "./nemesis/workload.ts";

const roundCount = rounds({ usual: 4, full: 24 });
/** As the command line has it by itself. */
const timeoutMs = "10000";
const patienceMs = 30_000;
/** Nobody is silent for so long by chance on a machine that is busy. */
const keptTimeoutMs = 8000;

test(
  "what commands and programs hold survives the server they talk to",
  endsWithin,
  async ({ onTestFinished }) => {
    const cluster = await quickCluster({ members: 1 });
    const [one, two, three] = cluster.urls as [string, string, string];
    const commands = {
      lock: holding(cluster, ["lock", "l"]),
      elect: holding(cluster, ["elect", "e"]),
      register: holding(cluster, ["register", "s", "--id", "i", "--address", "127.0.0.1", "--port", "1"]),
    };
    onTestFinished(async () => {
      for (const { cli } of Object.values(commands)) cli.signal("SIGKILL");
      await cluster.stop();
    });
    const pids = await Promise.all(Object.values(commands).map(({ cli }) => cli.line()));
    const contender = new CliProcess(["lock", "l", "--", "echo", "got it"], {
      endpoint: cluster.urls.join(","),
    });
    onTestFinished(() => contender.signal("SIGKILL"));
    const program = await Program.start([one, two, three]);
    const list = new ListOfInstances(cluster.urls);
    const heldFirst = await standing(one);
    const work = await Workload.start({ urls: cluster.urls, seed: 1, keptTimeoutMs });

    for (let round = 0; round < roundCount; round += 1) {
      expect(Object.values(commands).flatMap(({ ended }) => ended)).toEqual([]);
      const who = [commands.lock.cli.pid, commands.elect.cli.pid, commands.register.cli.pid, null][round % 4];
      const talksTo = () =>
        who === null || who === undefined ? program.talksTo() : connectedTo(who, cluster);
      await expect.poll(talksTo, { timeout: patienceMs }).toBeGreaterThanOrEqual(0);
      const victim = talksTo();
      const isKilled = Math.floor(round / 4) % 2 === 0;
      list.passOver(victim);
      if (isKilled) await cluster.server(victim).kill();
      else cluster.server(victim).signal("SIGSTOP");
      await expect.poll(() => goesOnElsewhere(talksTo(), victim), { timeout: patienceMs }).toBe(true);
      expect(await standing(cluster.urls[(victim + 1) % 3] as string)).toEqual(heldFirst);
      if (isKilled) await cluster.startServer(victim);
      else cluster.server(victim).signal("SIGCONT");
      // One server at a time is what clients have to survive.
      await expect.poll(() => isReady(cluster.urls[victim] as string), { timeout: patienceMs }).toBe(true);
      list.passOver(null);
      await program.hears();
    }
    expect(await Promise.all(cluster.urls.map(standing))).toEqual([heldFirst, heldFirst, heldFirst]);
    expect(list.missing).toEqual([]);
    await list.stop();
    // Their commands are those that were started first.
    for (const pid of pids) expect(() => process.kill(Number(pid), 0)).not.toThrow();
    await program.stop();
    commands.lock.cli.signal("SIGTERM");
    expect((await contender.ended).stdout).toBe("got it\n");
    await expectHeldAndNobodyLost(cluster, work);
  },
);

async function isReady(url: string): Promise<boolean> {
  const answer = await new Http(url).get("/readyz").catch(() => null);
  return answer?.status === 200;
}

function holding(cluster: Cluster, words: readonly string[]) {
  const script = ["sh", "-c", "echo $$; exec sleep 1000"];
  const args = [...words, "--timeout-ms", timeoutMs, "--", ...script];
  const cli = new CliProcess(args, { endpoint: cluster.urls.join(",") });
  // What it said where it has ended before it was told to.
  const ended: string[] = [];
  void cli.ended.then(({ code, signal, stderr }) => ended.push(`${words[0]}: ${code ?? signal}: ${stderr}`));
  return { cli, ended };
}

function goesOnElsewhere(now: number, victim: number): boolean {
  return now >= 0 && now !== victim;
}

/** Which server a process has an open connection to; -1 for none. */
function connectedTo(pid: number, cluster: Cluster): number {
  const sockets = new Set(readdirSync(`/proc/${pid}/fd`).map((name) => socketAt(`/proc/${pid}/fd/${name}`)));
  const established = "01";
  for (const line of readFileSync(`/proc/${pid}/net/tcp`, "utf8").split("\n").slice(1)) {
    const [, , remote = "", state, , , , , , inode = ""] = line.trim().split(/\s+/);
    if (state !== established || !sockets.has(inode)) continue;
    const port = String(Number.parseInt(remote.split(":")[1] ?? "", 16));
    const index = cluster.urls.findIndex((url) => new URL(url).port === port);
    if (index >= 0 && !isStopped(cluster, index)) return index;
  }
  return -1;
}

function socketAt(link: string): string {
  try {
    return /^socket:\[(\d+)\]$/.exec(readlinkSync(link))?.[1] ?? "";
  } catch {
    return "";
  }
}

/** Connections to it are as good as none. */
function isStopped(cluster: Cluster, index: number): boolean {
  try {
    return readFileSync(`/proc/${cluster.server(index).pid}/stat`, "utf8").includes(") T ");
  } catch {
    return true;
  }
}

/** Who holds the lock and who leads. */
async function standing(url: string): Promise<unknown> {
  const http = new Http(url);
  const first = async (target: string) => {
    const answer = await http.get(`${target}?consistency=linearizable`);
    const { holders = [], leader } = answer.json<{ holders?: { id: string }[]; leader?: { id: string } }>();
    return (leader ?? holders[0])?.id;
  };
  return await Promise.all([first("/v1/locks/l"), first("/v1/elections/e")]);
}

/** Asked for again and again, at servers that run. */
class ListOfInstances {
  readonly missing: string[] = [];
  #passedOver: number | null = null;
  #isOver = false;
  readonly #looking: Promise<void>;

  constructor(urls: readonly string[]) {
    this.#looking = this.#look(urls);
  }

  passOver(index: number | null): void {
    this.#passedOver = index;
  }

  async #look(urls: readonly string[]): Promise<void> {
    for (let turn = 0; !this.#isOver; turn += 1) {
      const index = turn % urls.length;
      if (index !== this.#passedOver) {
        const answer = await new Http(urls[index] as string).get("/v1/services/s").catch(() => null);
        // A server that is stopped as it is asked answers later, or not.
        if (answer?.status === 200 && !answer.text.includes('"i"')) this.missing.push(answer.text);
      }
      await wait(20);
    }
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#looking;
  }
}

/** With the client library: a session that holds a lock, and a stream. */
class Program {
  readonly #endpoint: readonly [string, ...string[]];
  readonly #abort = new AbortController();
  readonly #heard: string[] = [];
  #running: Promise<unknown> = Promise.resolve();
  #writes = 0;
  #origin = "";
  #lock: AbortSignal | null = null;

  private constructor(endpoint: readonly [string, ...string[]]) {
    this.#endpoint = endpoint;
  }

  static async start(endpoint: readonly [string, ...string[]]): Promise<Program> {
    const program = new Program(endpoint);
    const client = new Client({
      endpoint: [...endpoint],
      fetch: (input, init) => program.#fetch(input, init),
    });
    const { stat } = await client.create("/p");
    const session = await client.openSession({ timeoutMs: Number(timeoutMs) });
    const held = Promise.withResolvers<void>();
    const over = new Promise<void>((resolve) => {
      program.#abort.signal.addEventListener("abort", () => resolve(), { once: true });
    });
    const holding = session.withLock("p", {}, async ({ signal }) => {
      program.#lock = signal;
      held.resolve();
      await over;
    });
    program.#running = Promise.all([holding, program.#watch(client, stat.czxid)]);
    await held.promise;
    return program;
  }

  #fetch(...[input, init]: Parameters<typeof fetch>): Promise<Response> {
    const { origin } = new URL(String(input));
    return fetch(input, init).then((response) => {
      this.#origin = origin;
      return response;
    });
  }

  async #watch(client: Client, sinceZxid: number): Promise<void> {
    const request = { paths: ["/p"], scope: "children", sinceZxid, heartbeatMs: 1000 } as const;
    try {
      for await (const message of client.watch(request, { signal: this.#abort.signal })) {
        if (message.type === "reset") this.#heard.push(`reset: ${message.reason}`);
        if (message.type === "change") this.#heard.push(...message.events.map(({ path }) => path));
      }
    } catch (error) {
      if (!this.#abort.signal.aborted) throw error;
    }
  }

  /** The server that answered it last. */
  talksTo(): number {
    return this.#endpoint.indexOf(this.#origin);
  }

  /** Of what is written now, and of all that was before, once and in order. */
  async hears(): Promise<void> {
    this.#writes += 1;
    await new Client({ endpoint: [...this.#endpoint] }).create(`/p/${this.#writes}`);
    const all = Array.from({ length: this.#writes }, (_, index) => `/p/${index + 1}`);
    await expect.poll(() => this.#heard, { timeout: patienceMs }).toEqual(all);
    expect(this.#lock?.reason).toBeUndefined();
  }

  async stop(): Promise<void> {
    expect(this.#lock?.reason).toBeUndefined();
    this.#abort.abort();
    await this.#running;
  }
}
