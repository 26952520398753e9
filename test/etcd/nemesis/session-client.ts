// Clients whose sessions have ephemeral znodes. One keeps its session, at any server, for as long as it is let; another opens
// one after the other, keeps each for a moment, and falls silent.

import { setTimeout as wait } from "node:timers/promises";
import type { Asker } from "./asking.ts";
import type { Journal } from "./journal.ts";
import type { SessionRecord } from "./record.ts";

export const ephemeralParent = "/n/e";
export const keptTimeoutMs = 2500;
const leftTimeoutMs = 500;
const keepMs = 200;
const ephemeralsEach = 2;

interface Opened {
  readonly record: SessionRecord;
  readonly token: string;
}

export class SessionClient {
  readonly #asker: Asker;
  readonly #journal: Journal;
  readonly #keptTimeoutMs: number;
  #ephemerals = 0;

  /** @param timeoutMs of the sessions that are kept */
  constructor(asker: Asker, journal: Journal, timeoutMs = keptTimeoutMs) {
    this.#asker = asker;
    this.#journal = journal;
    this.#keptTimeoutMs = timeoutMs;
  }

  /** Another one where it is lost; closed at the end. */
  async keep(isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      const session = await this.#open(this.#keptTimeoutMs, isOver);
      if (session === null) return;
      await this.#makeEphemerals(session);
      while (!isOver() && (await this.#keepalive(session))) await wait(keepMs);
      if (isOver()) await this.#close(session);
    }
  }

  async leave(isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      const session = await this.#open(leftTimeoutMs, isOver);
      if (session === null) return;
      await this.#makeEphemerals(session);
      for (let kept = 0; kept < 3; kept += 1) {
        await wait(keepMs);
        if (!(await this.#keepalive(session))) break;
      }
      session.record.isLeft = true;
      await wait(leftTimeoutMs);
    }
  }

  /** Null where that was never answered until the end. */
  async #open(timeoutMs: number, isOver: () => boolean): Promise<Opened | null> {
    while (!isOver()) {
      const told = await this.#asker.ask("POST", "/v1/sessions", { json: { timeoutMs } });
      if (told.kind === "done") {
        const {
          id,
          token,
          timeoutMs: granted,
        } = told.body as { id: string; token: string; timeoutMs: number };
        const { beganMs, endedMs } = told;
        const opening = { beganMs, endedMs, outcome: "kept" };
        const record: SessionRecord = { id, timeoutMs: granted, keepalives: [opening], isLeft: false };
        this.#journal.sessions.push(record);
        return { record, token };
      }
      await wait(keepMs);
    }
    return null;
  }

  async #makeEphemerals({ token }: Opened): Promise<void> {
    for (let made = 0; made < ephemeralsEach; made += 1) {
      this.#ephemerals += 1;
      const value = `${this.#asker.name}.${this.#ephemerals}`;
      const path = `${ephemeralParent}/${value}`;
      const told = await this.#asker.ask("POST", `/v1/znodes${path}?ephemeral=true`, {
        body: value,
        headers: { "session-token": token },
      });
      const { beganMs, endedMs } = told;
      const about = { value, paths: [path], isSequential: false, beganMs, endedMs };
      if (told.kind === "done") {
        const { stat } = told.body as { stat: { czxid: number } };
        this.#journal.writes.push({ ...about, outcome: stat.czxid, path });
      } else if (told.kind === "refused") {
        this.#journal.writes.push({ ...about, outcome: { refused: told.code }, refusedAt: told.zxid });
      } else this.#journal.writes.push({ ...about, outcome: "unknown" });
    }
  }

  /** Whether it may be there still. */
  async #keepalive({ record, token }: Opened): Promise<boolean> {
    const told = await this.#asker.ask("PUT", `/v1/sessions/${record.id}`, {
      headers: { "session-token": token },
    });
    const { beganMs, endedMs } = told;
    const outcome = told.kind === "done" ? "kept" : told.kind === "refused" ? told.code : "unknown";
    record.keepalives.push({ beganMs, endedMs, outcome });
    return outcome !== "session_expired";
  }

  /** Where that is not answered, it ends by itself. */
  async #close({ record, token }: Opened): Promise<void> {
    await this.#asker.ask("DELETE", `/v1/sessions/${record.id}`, { headers: { "session-token": token } });
    record.isLeft = true;
  }
}
