// Claims of locks and what their holders wrote, as the history of a nemesis tells them: for the judge of the old-master contract.

import { baseName, parentPath } from "../../../src/core/tree/path.ts";
import { workPathOf } from "../../trials/contender.ts";
import type { ClaimRecord, WriteRecord } from "../../trials/judge.ts";
import type { Message } from "./record.ts";

interface Told {
  readonly claims: readonly ClaimRecord[];
  readonly writes: readonly WriteRecord[];
}

/** @param wallOffsetMs from the servers' wall clock to the clock of the evidence */
export function toldOfTrial(messages: readonly Message[], trial: string, wallOffsetMs: number): Told {
  const claims = new Map<string, ClaimRecord>();
  const ended: ClaimRecord[] = [];
  const writes: WriteRecord[] = [];
  for (const { zxid, timeMs, cause, events } of messages) {
    for (const { type, path, data = "", stat } of events) {
      if (path === workPathOf(trial)) writes.push(...writeIn(zxid, data));
      if (parentPath(path) !== `/locks/${trial}`) continue;
      const claim = claims.get(path);
      if (type === "created") {
        const [number, session] = [Number(/\d+$/.exec(baseName(path))?.[0]), String(stat.ephemeralOwner)];
        claims.set(path, { path, number, fence: zxid, session, end: null });
      } else if (type === "deleted" && claim !== undefined) {
        claims.delete(path);
        ended.push({ ...claim, end: { zxid, atMs: timeMs + wallOffsetMs, cause } });
      }
    }
  }
  const all = [...ended, ...claims.values()];
  return { claims: all.toSorted((one, other) => one.fence - other.fence), writes };
}

/** None where the znode was made. */
function writeIn(zxid: number, data: string): WriteRecord[] {
  const [fence, number] = data.split(" ").map(Number);
  return fence === undefined || number === undefined ? [] : [{ zxid, fence, number }];
}
