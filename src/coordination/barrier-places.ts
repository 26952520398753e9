// Who waits at barriers: to enter until the barrier opens, to leave until everybody has left. Exactly those are answered
// who waited for what happened. It is told from the changes in their order, not from what is there after them: a
// barrier may fill and empty before anybody looks.

import {
  type Barrier,
  barrierAt,
  barrierPath,
  isBarrierPath,
  readyPath,
} from "../core/coordination/barriers.ts";
import type { EnterBarrier, Entered, LeaveBarrier } from "../core/coordination/coordination-command.ts";
import { KeeperError } from "../core/errors.ts";
import { type ReadContext, systemContext } from "../core/reader.ts";
import { parentPath } from "../core/tree/path.ts";
import type { Change, Commit } from "../core/txn.ts";
import type { Applied } from "../store/replica.ts";
import type { Store } from "../store/store.ts";
import type { Attendance } from "./attendance.ts";
import { giveUp } from "./give-up.ts";
import { OpenAttempts } from "./open-attempts.ts";
import { type Wait, Waits } from "./waits.ts";

/** How a wait to enter ends; `stopping` says nothing of the participant, which stays in. */
export type EnterEnd = "open" | "gone" | "stopping";
export type LeaveEnd = "over" | "stopping";

/** What somebody who has entered is told. */
export interface Participation {
  readonly state: "open" | "waiting";
  readonly participantCount: number;
}

export interface EnteredBarrier {
  readonly commit: Commit<"enterBarrier">;
  readonly participation: Participation;
  /** How long the session is surely alive, for a barrier that is open. */
  readonly validForMs: number;
}

/** What somebody who has left is told. */
export interface Leavers {
  /** Whether all have left. */
  readonly isOver: boolean;
  readonly participantCount: number;
}

export class BarrierPlaces {
  readonly #store: Store;
  /** By barrier and participant. */
  readonly #entering = new Waits<EnterEnd>();
  /** By barrier and round. */
  readonly #leaving = new Waits<LeaveEnd>();
  readonly #attempts = new OpenAttempts();

  constructor(store: Store) {
    this.#store = store;
  }

  /**
   * Enters, and waits until the barrier opens or the time is up. Null when the asker has gone before it was told: what it
   * asked for alone is given up.
   * @throws KeeperError what the command is refused for; `session_expired` or `no_claim` when it is in no more
   */
  async enter(asked: Attendance, command: EnterBarrier): Promise<EnteredBarrier | null> {
    if (asked.comesBack) return this.#enterFor(asked, command);
    const attempt = this.#attempts.begin();
    try {
      return await this.#enterFor(asked, { ...command, attempt });
    } finally {
      this.#attempts.end(attempt);
    }
  }

  async #enterFor(asked: Attendance, command: EnterBarrier): Promise<EnteredBarrier | null> {
    const commit = await this.#store.submit(command);
    const participation = await this.#openWithin(asked, commit);
    const isOpen = participation !== "gone" && participation.state === "open";
    const validForMs = isOpen ? await asked.validForMs() : 0;
    const { name, sessionId, attempt: ifAttempt } = command;
    // Looked at last: whoever leaves before there is nothing left to wait for has not been told.
    if (ifAttempt === undefined || !asked.hasLeft) {
      if (participation !== "gone") return { commit, participation, validForMs };
      asked.session();
      throw notIn(commit.outcome);
    }
    const { participant } = commit.outcome;
    const leave = { name, participant, ifAttempt, ...(sessionId !== undefined && { sessionId }) };
    await giveUp(this.#store, { type: "leaveBarrier", ...leave, ...asked.namespace });
    return null;
  }

  /** As it entered, if nothing is to be waited for; whoever asks again is told where it stands now. */
  async #openWithin(
    asked: Attendance,
    { outcome: entered, replayed }: Commit<"enterBarrier">,
  ): Promise<Participation | "gone"> {
    if (replayed !== true && (entered.isOpen || asked.waitMs === 0)) return asEntered(entered);
    const participation = this.#participationNow(asked.context, entered);
    if (participation === "gone" || participation.state === "open" || asked.waitMs === 0)
      return participation;
    const end = await asked.waitFor(() => this.untilOpen(asked.inTree(entered.path)));
    if (end !== "open") return this.#participationNow(asked.context, entered);
    // It was in when the barrier opened, and has got in, whatever came after.
    const { participantCount } = this.#barrierAt(asked.context, parentPath(entered.path));
    return { state: "open", participantCount };
  }

  #participationNow(context: ReadContext, { path, czxid }: Entered): Participation | "gone" {
    if (this.#store.reader(context).get(path)?.czxid !== czxid) return "gone";
    const { participantCount, round } = this.#barrierAt(context, parentPath(path));
    return { state: round === null ? "waiting" : "open", participantCount };
  }

  /** Leaves, and waits until all have left or the time is up. */
  async leave(asked: Attendance, command: LeaveBarrier) {
    const commit = await this.#store.submit(command);
    const leavers = await this.#leftWithin(asked, barrierPath(command.name), commit);
    return { commit, leavers };
  }

  /** As it left, if nothing is to be waited for; whoever asks again is told who is still in now. */
  async #leftWithin(
    asked: Attendance,
    path: string,
    { outcome: { round, participantCount }, replayed }: Commit<"leaveBarrier">,
  ): Promise<Leavers> {
    if (round === null || participantCount === 0) return { isOver: true, participantCount };
    if (replayed !== true && asked.waitMs === 0) return { isOver: false, participantCount };
    const now = this.#leaversNow(asked.context, path, round);
    if (now.isOver || asked.waitMs === 0) return now;
    const end = await asked.waitFor(() => this.untilOver(asked.inTree(path), round));
    return end === "over" ? { ...now, isOver: true } : this.#leaversNow(asked.context, path, round);
  }

  #leaversNow(context: ReadContext, path: string, round: number): Leavers {
    const barrier = this.#barrierAt(context, path);
    return { isOver: barrier.round !== round, participantCount: barrier.participantCount };
  }

  #barrierAt(context: ReadContext, path: string): Barrier {
    return barrierAt(this.#store.reader(context), path);
  }

  /** Waits until the barrier opens with the participant in. @param participantPath in the whole tree */
  untilOpen(participantPath: string): Wait<EnterEnd> {
    return this.#entering.wait(parentPath(participantPath), participantPath);
  }

  /** Waits until all have left the round. @param barrier its path in the whole tree */
  untilOver(barrier: string, round: number): Wait<LeaveEnd> {
    return this.#leaving.wait(barrier, String(round));
  }

  follow(applied: readonly Applied[]): void {
    const touched = new Set<string>();
    for (const { txn } of applied) {
      for (const change of txn.changes) this.#see(change, touched);
    }
    for (const path of touched) this.#endRounds(path);
  }

  #see(change: Change, touched: Set<string>): void {
    if (change.type !== "created" && change.type !== "deleted") return;
    const { path } = change.znode;
    const barrier = parentPath(path);
    if (!this.#store.access.namespaces.keeps(barrier, isBarrierPath)) return;
    touched.add(barrier);
    const isMark = path === readyPath(barrier);
    if (change.type === "created" && isMark) this.#entering.answerAll(barrier, "open");
    if (change.type === "deleted" && !isMark) this.#entering.answer(barrier, path, "gone");
  }

  /** A mark that was made anew is of another round: whatever came in between, the one waited for is over. */
  #endRounds(path: string): void {
    const waitedFor = this.#leaving.keys(path);
    if (waitedFor.length === 0) return;
    const round = String(this.#barrierAt(systemContext, path).round);
    for (const key of waitedFor) if (key !== round) this.#leaving.answer(path, key, "over");
  }

  /** Requests that wait to enter or to leave. */
  waiters(): number {
    let sum = 0;
    for (const waits of [this.#entering, this.#leaving]) for (const { count } of waits.counts()) sum += count;
    return sum;
  }

  /** Every wait ends; who is in stays in. */
  stop(): void {
    this.#entering.stop("stopping");
    this.#leaving.stop("stopping");
  }
}

function asEntered({ isOpen, participantCount }: Entered): Participation {
  return { state: isOpen ? "open" : "waiting", participantCount };
}

function notIn({ path }: Entered): KeeperError {
  return new KeeperError("no_claim", `${path} is in the barrier no more: it left, or its session ended.`, {
    path,
  });
}
