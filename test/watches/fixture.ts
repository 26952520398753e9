// The keeper's fixture with watches beside it, and short ways to open streams.

import type { WatchEventType } from "../../src/core/watch-event.ts";
import { defaultWatchLimits, type WatchLimits } from "../../src/watches/limits.ts";
import type { Scope } from "../../src/watches/matcher.ts";
import { Selection, watchEventTypes } from "../../src/watches/selection.ts";
import type { Stream, StreamRequest, StreamStart } from "../../src/watches/stream.ts";
import { Watches } from "../../src/watches/watches.ts";
import { contextOfTests } from "../support/access-on.ts";
import { type Keeper, test as keeperTest } from "../support/keeper.ts";
import { RecordingSink } from "./recording-sink.ts";

const context = contextOfTests();

export interface Asked {
  readonly paths?: readonly string[];
  readonly scope?: Scope;
  readonly types?: readonly WatchEventType[];
  readonly withData?: boolean;
  readonly initial?: boolean;
  readonly start?: StreamStart;
  readonly once?: boolean;
  readonly bookmarkMs?: number;
  readonly heartbeatMs?: number;
}

export function watchesOf(keeper: Keeper, limits: Partial<WatchLimits> = {}): Watches {
  const saved = { rows: [], floorZxid: keeper.store.zxid };
  return new Watches({
    store: keeper.store,
    saved,
    limits: { ...defaultWatchLimits, ...limits },
    chance: () => 0.5,
  });
}

/** By default the node `/a` itself, from now on, with data. */
export function requestOf(asked: Asked = {}): StreamRequest {
  const { paths = ["/a"], scope = "node", types = watchEventTypes, withData = true, initial = false } = asked;
  const { start = { kind: "now", initial }, once = false, bookmarkMs = 30_000, heartbeatMs = 10_000 } = asked;
  return {
    selection: new Selection({ paths, scope, types, withData, permits: context.permits }),
    start,
    once,
    bookmarkMs,
    heartbeatMs,
    reader: "test",
    context,
  };
}

export interface Opened {
  readonly stream: Stream;
  readonly sink: RecordingSink;
}

export function open(watches: Watches, asked: Asked = {}, sink = new RecordingSink()): Opened {
  return { stream: watches.open(requestOf(asked), sink), sink };
}

export const test = keeperTest.extend<{ watches: Watches }>({
  watches: async ({ keeper }, use) => {
    const watches = watchesOf(keeper);
    await use(watches);
    watches.close("shutdown");
  },
});
