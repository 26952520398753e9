// What a restart is like for everyone: the service is killed and started again on the same port and folder, and all
// its streams come back at once with what they missed, while sessions go on sending keepalives.

import { setTimeout as wait } from "node:timers/promises";
import { populate } from "../requests/populate.ts";
import { send } from "../support/send.ts";
import { startService } from "../support/server-process.ts";
import { type Spread, spreadOf } from "../support/statistics.ts";
import { withTemporaryFolder } from "../support/temporary-folder.ts";
import { type WatchClient, withClients } from "./client-process.ts";

export interface Restarts {
  readonly streams: number;
  readonly sessions: number;
  /** Changes each stream has to be told of when it comes back. */
  readonly missed: number;
  readonly rounds: readonly Round[];
  readonly startSeconds: Spread;
  readonly syncedSeconds: Spread;
  readonly slowestKeepaliveSeconds: Spread;
}

interface Round {
  /** From the kill until the service listens again. */
  readonly startMs: number;
  /** From then until the last stream is synced. */
  readonly syncedMs: number;
  readonly keepalives: number;
  readonly slowestKeepaliveMs: number;
}

export interface RestartPace {
  readonly rounds: number;
  readonly streams: number;
  readonly sessions: number;
  readonly missed: number;
}

const parent = "/bench";
const znodeCount = 1000;
const keepaliveEveryMs = 100;

export async function measureRestarts(directory: string, pace: RestartPace): Promise<Restarts> {
  const rounds: Round[] = [];
  for (let round = 0; round < pace.rounds; round += 1) {
    const played = await withTemporaryFolder(directory, (folder) =>
      withClients(1, ([client]) => playRound(folder, client as WatchClient, pace)),
    );
    rounds.push(played);
  }
  const spread = (value: (round: Round) => number) => spreadOf(rounds.map((round) => value(round) / 1000));
  return {
    streams: pace.streams,
    sessions: pace.sessions,
    missed: pace.missed,
    rounds,
    startSeconds: spread(({ startMs }) => startMs),
    syncedSeconds: spread(({ syncedMs }) => syncedMs),
    slowestKeepaliveSeconds: spread(({ slowestKeepaliveMs }) => slowestKeepaliveMs),
  };
}

async function playRound(folder: string, client: WatchClient, pace: RestartPace): Promise<Round> {
  let server = await startService(folder);
  try {
    const { baseUrl } = server;
    await populate(baseUrl, { parent, count: znodeCount });
    const sessions = await openSessions(baseUrl, pace.sessions);
    const streams = { baseUrl, count: pace.streams, path: parent, parameters: "&scope=subtree" };
    const { lastId } = await client.call("open", streams);
    await client.call("close");
    await change(baseUrl, pace.missed);
    const killedMs = performance.now();
    await server.kill();
    server = await startService(folder, { port: Number(new URL(baseUrl).port) });
    const startMs = performance.now() - killedMs;
    const keepalives = new Keepalives(baseUrl, sessions);
    const back = await client.call("open", { ...streams, lastEventId: lastId, atOnce: pace.streams });
    const answeredMs = await keepalives.stop();
    const slowestKeepaliveMs = Math.max(...answeredMs);
    return { startMs, syncedMs: back.ms, keepalives: answeredMs.length, slowestKeepaliveMs };
  } finally {
    await server.kill();
  }
}

interface Session {
  readonly id: string;
  readonly token: string;
}

async function openSessions(baseUrl: string, count: number): Promise<Session[]> {
  const sessions: Session[] = [];
  while (sessions.length < count) {
    const text = await send(`${baseUrl}/v1/sessions`, { method: "POST", body: '{"timeoutMs":60000}' });
    sessions.push(JSON.parse(text) as Session);
  }
  return sessions;
}

async function change(baseUrl: string, count: number): Promise<void> {
  const body = "0123456789".repeat(10);
  for (let index = 0; index < count; index += 1) {
    const name = `n${String(index).padStart(7, "0")}`;
    await send(`${baseUrl}/v1/znodes${parent}/${name}`, { method: "PUT", body });
  }
}

/** Each session sends one, and the next a little after it was answered. */
class Keepalives {
  readonly #baseUrl: string;
  readonly #answeredMs: number[] = [];
  readonly #done: Promise<unknown>;
  #isStopping = false;

  constructor(baseUrl: string, sessions: readonly Session[]) {
    this.#baseUrl = baseUrl;
    this.#done = Promise.all(sessions.map((session) => this.#keepAlive(session)));
    // Whoever stops it hears of a failure; until then it must not end the process.
    this.#done.catch(() => {});
  }

  async #keepAlive({ id, token }: Session): Promise<void> {
    while (!this.#isStopping) {
      const sentMs = performance.now();
      await send(`${this.#baseUrl}/v1/sessions/${id}`, {
        method: "PUT",
        headers: { "Session-Token": token },
      });
      this.#answeredMs.push(performance.now() - sentMs);
      await wait(keepaliveEveryMs);
    }
  }

  /** How long each took, those under way included. */
  async stop(): Promise<readonly number[]> {
    this.#isStopping = true;
    await this.#done;
    return this.#answeredMs;
  }
}
