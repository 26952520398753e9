import { expect } from "vitest";
import { openPermits } from "../../src/core/access/permits.ts";
import type { Acl } from "../../src/core/acl/acl.ts";
import type { Watches } from "../../src/watches/watches.ts";
import { plain } from "../support/keeper.ts";
import { requestOf, test } from "./fixture.ts";
import { RecordingSink } from "./recording-sink.ts";

const listCount = 6;
const digest = (index: number) => `user${index}:Zm9v`;
const listOf = (index: number): Acl => [{ perms: 1, scheme: "digest", id: digest(index) }];

/** Streams of one selection, each of who reads by one list more than the one before. */
function openAll(watches: Watches, count: number) {
  return Array.from({ length: count }, (_, index) => {
    const shown = { digests: Array.from({ length: index % (listCount + 1) }, (_, at) => digest(at)) };
    const sink = new RecordingSink();
    const asked = requestOf({ paths: ["/many"], scope: "subtree", withData: false });
    watches.open({ ...asked, context: { permits: openPermits }, shown }, sink);
    return { sink, readable: shown.digests.length };
  });
}

test.for([
  { streamCount: 7, znodeCount: 60, what: "at once" },
  { streamCount: 70, znodeCount: 3000, what: "in turns, where it is much" },
])(
  "each of those who watch the same is told what lists let them be told, $what [A16]",
  async ({ streamCount, znodeCount }, { keeper, watches }) => {
    await keeper.create("/many");
    const streams = openAll(watches, streamCount);
    const znodes = Array.from({ length: znodeCount }, (_, index) => ({
      ...{ path: `/many/${index}`, data: new Uint8Array(), mode: plain, sequence: null, nextSequence: 0 },
      acl: listOf(index % listCount),
    }));
    await keeper.store.submit({ type: "import", znodes, onConflict: "fail" });
    await keeper.create("/many/open");
    for (const { sink, readable } of streams) {
      const expected = readable === 0 ? "3" : "2,3";
      await expect.poll(() => sink.changeZxids.join(), { timeout: 20_000 }).toBe(expected);
      const told = sink.events
        .filter(({ event }) => event === "change")
        .flatMap(({ data }) => data.events as unknown[]);
      expect(told.length).toBe((znodeCount / listCount) * readable + 1);
    }
  },
);
