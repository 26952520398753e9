// Decides who enters a double barrier and who leaves it. The transaction that fills a barrier also marks it open, and
// the one that empties it takes the mark away: between the two nobody has to look at the right moment.

import type { Draft } from "../draft.ts";
import { KeeperError } from "../errors.ts";
import { planCreate, planDelete, planSetData } from "../plan-znodes.ts";
import { joinPath, parentPath } from "../tree/path.ts";
import { emptyData, type Znode } from "../tree/znode.ts";
import { noteAttempt, withdrawAttempt } from "./attempts.ts";
import { type Barrier, barrierAt, barrierPath, formatCount, isBarrierPath, readyPath } from "./barriers.ts";
import type { EnterBarrier, Entered, LeaveBarrier, Left } from "./coordination-command.ts";

/** Whoever is in already is in as it was: asking again changes nothing. */
export function planEnterBarrier(draft: Draft, enter: EnterBarrier): Entered {
  const { name, count, sessionId, attempt } = enter;
  const barrier = barrierAt(draft, barrierPath(name));
  const participant = participantOf(enter);
  const path = joinPath(barrier.path, participant);
  checkCount(barrier, count);
  const own = draft.get(path);
  if (own !== undefined) checkOwner(draft, own, sessionId);
  else {
    prepare(draft, barrier, count);
    const mode = { kind: "ephemeral", sequential: false } as const;
    planCreate(draft, { type: "create", path, data: emptyData, mode, parents: true }, sessionId);
  }
  noteAttempt(draft, path, attempt);
  openIfFull(draft, barrier.path, count);
  const { participantCount, round } = barrierAt(draft, barrier.path);
  const { czxid } = draft.get(path) as Znode;
  return { participant, path, czxid, made: own === undefined, participantCount, isOpen: round !== null };
}

/** A session is in once, unless it says that it speaks for several. */
function participantOf({ participant, sessionId }: EnterBarrier | LeaveBarrier): string {
  return participant ?? (sessionId as string);
}

/** Those who are in came for this count. */
function checkCount({ path, count, participantCount }: Barrier, asked: number | undefined): void {
  if (asked === undefined || count === null || asked === count || participantCount === 0) return;
  throw new KeeperError(
    "count_differs",
    `${path} has participants and a count of ${count}, not ${asked}; its count can change when all have left.`,
    { path },
  );
}

/** Whose it is, is told to those who may read it. */
function checkOwner(draft: Draft, znode: Znode, sessionId: string | undefined): void {
  const { path, ephemeralOwner } = znode;
  if (ephemeralOwner === sessionId) return;
  const told = ephemeralOwner === null ? "no session" : `session ${ephemeralOwner}`;
  const whose = draft.mayRead(path) ? told : "another session";
  throw new KeeperError("not_holder", `The participant ${path} belongs to ${whose}; nothing was done.`, {
    path,
  });
}

/** Makes the barrier what the first participant asks for: sessions that ended may have left a mark behind. */
function prepare(draft: Draft, { path, count, participantCount }: Barrier, asked: number): void {
  const mark = readyPath(path);
  if (participantCount === 0 && draft.get(mark) !== undefined)
    planDelete(draft, { type: "delete", path: mark });
  if (count === asked) return;
  const data = formatCount(asked);
  if (draft.get(path) !== undefined) planSetData(draft, { type: "setData", path, data });
  else createPlain(draft, path, data);
}

function createPlain(draft: Draft, path: string, data: Uint8Array): void {
  const mode = { kind: "persistent", sequential: false } as const;
  planCreate(draft, { type: "create", path, data, mode, parents: true }, undefined);
}

function openIfFull(draft: Draft, path: string, count: number): void {
  const { participantCount, round } = barrierAt(draft, path);
  if (round === null && participantCount >= count) createPlain(draft, readyPath(path), emptyData);
}

/** Whoever is not in any more has left: of the round that is open, if one is. */
export function planLeaveBarrier(draft: Draft, leave: LeaveBarrier): Left {
  const { name, count, sessionId, ifAttempt } = leave;
  const barrier = barrierAt(draft, barrierPath(name));
  const participant = participantOf(leave);
  const path = joinPath(barrier.path, participant);
  checkCount(barrier, count);
  const own = draft.get(path);
  if (own !== undefined) {
    checkOwner(draft, own, sessionId);
    if (ifAttempt === undefined || withdrawAttempt(draft, path, ifAttempt))
      planDelete(draft, { type: "delete", path });
  }
  const { participantCount, round } = barrierAt(draft, barrier.path);
  if (participantCount === 0) removeMark(draft, barrier.path);
  return { participant, round, participantCount };
}

/** Those whose session ends have left as well. @param lost its ephemerals, which the draft has no more */
export function planRoundsLeft(draft: Draft, lost: readonly Znode[]): void {
  const isBarrier = (path: string) => draft.keeps(path, isBarrierPath);
  const barriers = new Set(lost.map(({ path }) => parentPath(path)).filter(isBarrier));
  for (const barrier of barriers) {
    if (barrierAt(draft, barrier).participantCount === 0) removeMark(draft, barrier);
  }
}

/** A mark that somebody gave children stays, and means nothing: nobody is kept from leaving. */
function removeMark(draft: Draft, path: string): void {
  const mark = draft.get(readyPath(path));
  if (mark?.numChildren === 0) draft.delete(mark);
}
