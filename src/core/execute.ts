// One command at its place in the log: decided, and if it may, done. This is the whole state machine; replaying the
// same commands at the same times gives the same state, answers and events.

import { type Permits, systemPermits } from "./access/permits.ts";
import { type TransactionBounds, unbounded } from "./bounds.ts";
import type { Command } from "./command.ts";
import { keyOf, rowOf } from "./commands.ts";
import { Draft, type DraftOptions } from "./draft.ts";
import type { Moment, PlacedMoment } from "./moment.ts";
import { authorise, permitsFor, plan } from "./plan.ts";
import { keepReply, keptReply } from "./replies/idempotency.ts";
import type { Reply } from "./replies/reply.ts";
import type { State } from "./state.ts";
import { rootPath } from "./tree/path.ts";
import type { Commit, Note, Txn } from "./txn.ts";
import type { Asked, OfNamespace, WriteContext } from "./write-context.ts";

export interface Executed<C extends Command = Command> {
  readonly commit: Commit<C["type"]>;
  /** Null when the command changed nothing: it then has no zxid of its own (M6, M7). */
  readonly txn: Txn | null;
  /** What was noted without a transaction. */
  readonly notes: readonly Note[];
}

const noNotes: readonly Note[] = [];

/**
 * @param at when the batch that the command came in was ordered
 * @param bounds those of the entry it came in; none where that has none
 * @throws KeeperError when the command is refused; the state is then as it was and no zxid is used (D11)
 */
export function execute<C extends Command>(
  state: State,
  command: C,
  at: PlacedMoment,
  bounds = unbounded,
): Executed<C> {
  const moment = momentAt(state, at);
  const permits = permitsFor(state, command, moment.timeMs);
  authorise(command, permits);
  const asked = keyOf(command);
  // Before every other check: whatever has changed since, its session's end included, it was done.
  const kept = asked === undefined ? undefined : keptReply(state, asked, moment);
  if (kept !== undefined) return { commit: replayOf<C>(kept), txn: null, notes: noNotes };
  const draft = new Draft(state, moment, { bounds, ...workOf(command, permits) });
  const outcome = plan(draft, state, command) as Commit<C["type"]>["outcome"];
  const { notes } = draft;
  for (const note of notes) state.note(note);
  if (draft.changes.length === 0) return { commit: { zxid: state.zxid, outcome }, txn: null, notes };
  if (asked !== undefined) keepReply(draft, state, asked, outcome);
  const txn: Txn = {
    zxid: draft.zxid,
    timeMs: moment.timeMs,
    ranMs: state.ranMs,
    cause: draft.cause,
    by: permits.by,
    traceparent: (command as Asked).traceparent ?? null,
    sessionId: draft.endedSessionId,
    changes: draft.changes,
  };
  state.apply(txn);
  return { commit: { zxid: txn.zxid, outcome }, txn, notes };
}

/**
 * What the command would do now, without doing it: its answer, and no transaction.
 * @throws KeeperError when it would be refused
 */
export function rehearse<C extends Command>(
  state: State,
  command: C,
  at: Moment,
  bounds: TransactionBounds,
): Commit<C["type"]> {
  const permits = permitsFor(state, command, at.timeMs);
  authorise(command, permits);
  const draft = new Draft(state, at, { bounds, ...workOf(command, permits) });
  const outcome = plan(draft, state, command) as Commit<C["type"]>["outcome"];
  return { zxid: state.zxid, outcome };
}

function workOf(command: Command, permits: Permits): DraftOptions {
  const { isOwnWork = false, isOfTree = false, hasContext } = rowOf(command);
  const { shown } = hasContext ? (command as WriteContext) : {};
  return { permits, shown, isOwnWork, root: isOfTree ? rootPath : rootOf(command, permits) };
}

/** The service is in the namespace that it names; whoever else asks is in their own. */
function rootOf(command: Command, permits: Permits): string {
  const { root = rootPath } = command as OfNamespace;
  return permits === systemPermits ? root : permits.root;
}

/** Time passes for the state, also where the command is refused; what is judged is judged by the state's own. */
function momentAt(state: State, at: PlacedMoment): PlacedMoment {
  const { ranMs, lsn = 0 } = at;
  const timeMs = at.isSteady === true ? state.steady(at.timeMs) : at.timeMs;
  if (ranMs === undefined) return { timeMs, lsn };
  state.reach(ranMs);
  return { timeMs, ranMs: state.ranMs, lsn };
}

/** The request is the same, so its answer has the shape of this command's. */
function replayOf<C extends Command>({ zxid, outcome }: Reply): Commit<C["type"]> {
  return { zxid, outcome: JSON.parse(outcome) as Commit<C["type"]>["outcome"], replayed: true };
}
