// What there is in the state now, in numbers. It looks at counts that are there, and walks over nothing.

import { memoryOf } from "../core/memory.ts";
import type { State } from "../core/state.ts";
import { rootPath } from "../core/tree/path.ts";

/** What there is now. */
export interface StateStats {
  readonly zxid: number;
  readonly znodes: number;
  /** Of the data of all znodes. */
  readonly dataBytes: number;
  /** About what the state takes in memory, as `treeBytesMax` counts. */
  readonly memoryBytes: number;
  /** 0 where there is no bound. */
  readonly memoryBytesMax: number;
  readonly sessions: number;
  /** Locks and elections, with and without claims, of the whole tree. */
  readonly locks: number;
  readonly elections: number;
  /** Containers and znodes with a TTL. */
  readonly mortals: number;
  readonly quotas: number;
  /** Different access control lists that znodes have. */
  readonly acls: number;
  /** Policies, tokens and namespaces. */
  readonly accessRecords: number;
  /** Answers kept for requests that may be sent again. */
  readonly replies: number;
  readonly epochs: number;
  /** How often since the start a client has shown what never happened here. */
  readonly unknownPastsTotal: number;
}

/** What the store knows besides the state. */
interface StoreFacts {
  readonly memoryBytesMax: number;
  readonly unknownPastsTotal: number;
}

export function stateStatsOf(state: State, facts: StoreFacts): StateStats {
  const { count: znodes, bytes: dataBytes } = state.tree.usageOf(rootPath);
  return {
    ...{ zxid: state.zxid, znodes, dataBytes, memoryBytes: memoryOf(state) },
    ...{ locks: state.claims.counts.lock, elections: state.claims.counts.election },
    ...{ sessions: state.sessionCount, mortals: state.mortals.size, quotas: state.quotas.size },
    ...{ acls: state.acls.size, accessRecords: state.access.recordCount, replies: state.replies.count },
    epochs: state.epochs.count,
    ...facts,
  };
}
