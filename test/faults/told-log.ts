// The log as one stream of the whole tree was told it, from the first transaction on: what every other stream is
// held against, and what is itself held against what writers were answered. It must never have been reset.

import { parentPath, rootPath } from "../../src/core/tree/path.ts";
import { type Stat, statOf } from "../../src/core/tree/stat.ts";
import { rootZnode } from "../../src/core/tree/znode.ts";
import type { Message } from "../watches/promises.ts";
import type { Happened, ZnodeRecord } from "../watches/reference.ts";
import type { Acknowledged, ExpectedEvent, TreeLoad } from "./tree-load.ts";

export interface ToldEvent {
  readonly type: "created" | "changed" | "deleted";
  readonly path: string;
  readonly data?: string;
  readonly stat: Stat;
}

export interface ToldChange {
  readonly zxid: number;
  readonly events: readonly ToldEvent[];
}

export class ToldLog implements Happened {
  readonly #changes = new Map<number, ToldChange>();
  readonly #zxids: readonly number[];

  /** @param messages what the stream was told, in order; what is no change is passed over */
  constructor(messages: readonly Message[]) {
    const changes = messages.filter(({ event }) => event === "change").map(({ data }) => data);
    for (const change of changes as unknown as ToldChange[]) this.#changes.set(change.zxid, change);
    this.#zxids = [...this.#changes.keys()];
  }

  changeAt(zxid: number): ToldChange | undefined {
    return this.#changes.get(zxid);
  }

  zxidsBetween(from: number, until: number): number[] {
    return this.#zxids.filter((zxid) => zxid > from && zxid <= until);
  }

  eventsAt(zxid: number): readonly ToldEvent[] {
    return this.#changes.get(zxid)?.events ?? [];
  }

  treeAt(zxid: number): ZnodeRecord[] {
    const znodes = new Map<string, ZnodeRecord>();
    znodes.set(rootPath, { path: rootPath, data: "", stat: statOf(rootZnode()) });
    for (const { zxid: at, events } of this.#changes.values()) {
      if (at > zxid) break;
      for (const event of events) applyEvent(znodes, event, at);
    }
    return [...znodes.values()];
  }

  /** The numbers of writes told of in the data of events, and the zxids they were told at. */
  zxidsByWrite(): Map<number, Set<number>> {
    const found = new Map<number, Set<number>>();
    for (const { zxid, events } of this.#changes.values()) {
      for (const { data = "" } of events) {
        if (data === "") continue;
        const number = Number.parseInt(data, 10);
        found.set(number, (found.get(number) ?? new Set()).add(zxid));
      }
    }
    return found;
  }
}

/** A child that comes or goes moves its parent's stat, and is no event of its parent (S3, S7). */
function applyEvent(znodes: Map<string, ZnodeRecord>, event: ToldEvent, zxid: number): void {
  const { type, path, data = "", stat } = event;
  if (type === "deleted") znodes.delete(path);
  else znodes.set(path, { path, data, stat });
  const parent = znodes.get(parentPath(path));
  if (type === "changed" || parent === undefined) return;
  const { cversion, numChildren } = parent.stat;
  const moved = {
    pzxid: zxid,
    cversion: cversion + 1,
    numChildren: numChildren + (type === "created" ? 1 : -1),
  };
  znodes.set(parent.path, { ...parent, stat: { ...parent.stat, ...moved } });
}

/** What a load remembers of its writes. */
export type Answered = Pick<TreeLoad, "acknowledged" | "outcomes" | "closed">;

/** What the log lacks of what writers were answered, and what it has that nobody asked for. */
export function disagreements(log: ToldLog, load: Answered): string[] {
  return [...missingWrites(log, load.acknowledged), ...strayWrites(log, load), ...undeadSessions(log, load)];
}

function missingWrites(log: ToldLog, acknowledged: readonly Acknowledged[]): string[] {
  return acknowledged.flatMap(({ afterZxid, untilZxid, events }) => {
    const zxids = log.zxidsBetween(afterZxid, untilZxid);
    if (zxids.some((zxid) => hasInOrder(log.eventsAt(zxid), events))) return [];
    return [`acknowledged after ${afterZxid}, up to ${untilZxid}, but not told: ${JSON.stringify(events)}`];
  });
}

function hasInOrder(told: readonly ToldEvent[], expected: readonly ExpectedEvent[]): boolean {
  let found = 0;
  for (const event of told) {
    const next = expected[found];
    if (next !== undefined && isExpected(event, next)) found += 1;
  }
  return found === expected.length;
}

function isExpected(event: ToldEvent, { type, path, data, stat }: ExpectedEvent): boolean {
  if (event.type !== type || event.path !== path || event.data !== data) return false;
  return stat === undefined || JSON.stringify(event.stat) === JSON.stringify(stat);
}

/** A write is told of in one transaction, a refused one in none, and one without an answer in one or none. */
function strayWrites(log: ToldLog, { outcomes }: Answered): string[] {
  return [...log.zxidsByWrite()].flatMap(([number, zxids]) => {
    const outcome = outcomes[number];
    if (outcome === undefined || outcome === "refused")
      return [`write ${number} was told, but is ${outcome}`];
    return zxids.size === 1 ? [] : [`write ${number} was told at ${[...zxids]}`];
  });
}

function undeadSessions(log: ToldLog, { closed }: Answered): string[] {
  return closed.flatMap(({ id, zxid }) =>
    log
      .treeAt(zxid)
      .filter(({ stat }) => stat.ephemeralOwner === id)
      .map(({ path }) => `${path} outlived session ${id}, closed by ${zxid}`),
  );
}
