// How soon a client goes on whose server is killed: until its next write is acknowledged, and until its watch tells of something
// that was written after the kill. With the client library, which writes and watches all the time; and with the command line, whose
// watch runs, and whose write is begun when the server is killed, with that server as the first of its addresses.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Client } from "../../src/client/index.ts";
import { type BenchCluster, serverCount } from "./cluster.ts";

/** From the kill on. */
export interface ClientDeath {
  readonly writeMs: number;
  readonly watchMs: number;
  readonly commandWriteMs: number;
  readonly commandWatchMs: number;
}

const written = "/deaths/of-others";
const own = "/deaths/own";
const program = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
const giveUpMs = 60_000;
/** Between two writes of those whose server lives. */
const everyMs = 10;
/** For everything to be under way before the kill. */
const peaceMs = 200;

/** Servers die in turn, and come back each time. */
export async function measureClientDeaths(cluster: BenchCluster, deaths: number): Promise<ClientDeath[]> {
  const [first] = cluster.urls as [string];
  const client = new Client({ endpoint: first });
  for (const path of [written, own]) await client.create(path, "", { parents: true });
  const found: ClientDeath[] = [];
  for (let round = 0; round < deaths; round += 1) {
    const victim = round % serverCount;
    await cluster.level();
    found.push(await playDeath(cluster, victim));
    await cluster.start(victim);
  }
  return found;
}

async function playDeath(cluster: BenchCluster, victim: number): Promise<ClientDeath> {
  const endpoint = cluster.urlsFrom(victim);
  const living = new Client({ endpoint: endpoint.slice(1) });
  const ending = new AbortController();
  const { signal } = ending;
  const watched = watchInLibrary(endpoint, signal);
  const command = watchInCommand(endpoint);
  try {
    const others = writeUntil(signal, () => living.set(written, String(performance.now())), everyMs);
    await Promise.all([watched.next(0), command.next(0)]);
    const writing = new Writing(new Client({ endpoint }), signal);
    await writing.next(0);
    await wait(peaceMs);
    await cluster.server(victim).kill();
    const killedMs = performance.now();
    const [commandWriteMs, ...told] = await Promise.all([
      writeByCommand(endpoint),
      writing.next(killedMs),
      watched.next(killedMs),
      command.next(killedMs),
    ]);
    ending.abort();
    await others;
    const [writeMs, watchMs, commandWatchMs] = told.map((ms) => ms - killedMs) as [number, number, number];
    return { writeMs, watchMs, commandWriteMs, commandWatchMs };
  } finally {
    ending.abort();
    command.end();
  }
}

/** What comes after a moment, by the time it was written at. */
class Arrivals {
  readonly #waiting = new Set<{ readonly afterMs: number; readonly arrived: (ms: number) => void }>();

  arrived(writtenMs: number): void {
    const nowMs = performance.now();
    for (const waiting of this.#waiting) {
      if (writtenMs <= waiting.afterMs) continue;
      this.#waiting.delete(waiting);
      waiting.arrived(nowMs);
    }
  }

  /** When the first has arrived that was written after the moment. */
  next(afterMs: number): Promise<number> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`Nothing came in ${giveUpMs} ms.`)), giveUpMs);
      const arrived = (ms: number) => {
        clearTimeout(timer);
        resolve(ms);
      };
      this.#waiting.add({ afterMs, arrived });
    });
  }
}

/** One write after the other; what fails is tried on with the next. */
class Writing extends Arrivals {
  constructor(client: Client, signal: AbortSignal) {
    super();
    void writeUntil(signal, async () => {
      const begunMs = performance.now();
      await client.set(own, "");
      this.arrived(begunMs);
    });
  }
}

async function writeUntil(signal: AbortSignal, write: () => Promise<unknown>, pauseMs = 0): Promise<void> {
  while (!signal.aborted) {
    // Whether one that failed was done nobody knows: the next one counts.
    await write().catch(() => {});
    if (pauseMs > 0) await wait(pauseMs);
  }
}

function watchInLibrary(endpoint: readonly string[], signal: AbortSignal): Arrivals {
  const arrivals = new Arrivals();
  const watch = async () => {
    for await (const message of new Client({ endpoint }).watch({ paths: [written] }, { signal })) {
      if (message.type !== "change") continue;
      for (const { data } of message.events) arrivals.arrived(Number(data?.text()));
    }
  };
  // It ends by the signal alone.
  watch().catch(() => {});
  return arrivals;
}

function watchInCommand(endpoint: readonly string[]) {
  const child = runCommand(endpoint, ["watch", written]);
  const arrivals = new Arrivals();
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
  lines.on("line", (line) => arrivals.arrived(Number(line.split(/\s/).at(-1))));
  return { next: (afterMs: number) => arrivals.next(afterMs), end: () => void child.kill("SIGKILL") };
}

/** How long the whole command takes. */
async function writeByCommand(endpoint: readonly string[]): Promise<number> {
  const startedMs = performance.now();
  const [code] = await once(runCommand(endpoint, ["set", own, "by-command"]), "exit");
  if (code !== 0) throw new Error(`The command ended with ${code}.`);
  return performance.now() - startedMs;
}

function runCommand(endpoint: readonly string[], argv: readonly string[]): ChildProcess {
  const all = [program, "--quiet", "--endpoint", endpoint.join(","), ...argv];
  return spawn(process.execPath, all, { stdio: ["ignore", "pipe", "inherit"] });
}
