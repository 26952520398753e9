// Leaks as they are made: a check that says yes, a sentence that says too much, a look before the refusal. Each is put
// into the running code for as long as a test looks for it.

import { vi } from "vitest";
import { Ask, forbidden } from "../../src/core/access/ask.ts";
import { Draft } from "../../src/core/draft.ts";
import type { ReadContext } from "../../src/core/reader.ts";
import { StateReader } from "../../src/core/state-reader.ts";
import { statOf } from "../../src/core/tree/stat.ts";
import type { Znode } from "../../src/core/tree/znode.ts";
import type { Sight } from "../../src/watches/sight.ts";
import { Watches } from "../../src/watches/watches.ts";

export interface PlantedLeak {
  readonly name: string;
  /** The example that tells of it. */
  readonly channel: string;
  /** From here random requests find it at once; where it takes many of them, it has none. */
  readonly seed?: number;
  readonly plant: () => void;
}

export const plantedLeaks: readonly PlantedLeak[] = [
  {
    name: "reads ask for no right",
    channel: "a refusal, whether or not the znode is there",
    seed: 1000,
    plant: () => vi.spyOn(StateReader.prototype, "mayReadByPolicy").mockReturnValue(true),
  },
  {
    name: "subtrees and exports leave nothing out",
    channel: "subtrees, exports and lines",
    seed: 8,
    plant: () => {
      const walk = StateReader.prototype.walk;
      vi.spyOn(StateReader.prototype, "walk").mockImplementation(function (this: StateReader, scope) {
        const reader = this as { context: ReadContext };
        const { context } = this;
        reader.context = { permits: { ...context.permits, mayAllBelow: () => true } };
        try {
          return walk.call(this, scope);
        } finally {
          reader.context = context;
        }
      });
    },
  },
  {
    name: "what is not there is said not to be there, and what is there is forbidden",
    channel: "a refusal, whether or not the znode is there",
    seed: 1000,
    plant: () => {
      const { get, mayReadByPolicy } = StateReader.prototype;
      let looks = false;
      vi.spyOn(StateReader.prototype, "mayReadByPolicy").mockImplementation(function (
        this: StateReader,
        path,
      ) {
        return looks || mayReadByPolicy.call(this, path);
      });
      vi.spyOn(StateReader.prototype, "get").mockImplementation(function (this: StateReader, path) {
        looks = true;
        const found = get.call(this, path);
        looks = false;
        if (found !== undefined && !mayReadByPolicy.call(this, path)) throw forbidden(path, "read");
        return found;
      });
    },
  },
  {
    name: "events are told to whoever watches",
    channel: "events, told live and from the history",
    plant: () => {
      const open = Watches.prototype.open;
      vi.spyOn(Watches.prototype, "open").mockImplementation(function (this: Watches, request, sink) {
        const selection = request.selection as { sight: Sight };
        selection.sight = { ...selection.sight, sees: () => true };
        return open.call(this, request, sink);
      });
    },
  },
  {
    name: "refusals of writes carry the stat",
    channel: "the stat in node_exists and bad_version",
    plant: () =>
      vi.spyOn(Draft.prototype, "statFor").mockImplementation((znode: Znode) => ({ stat: statOf(znode) })),
  },
  {
    name: "sentences name holders, limits and versions",
    channel: "who holds a lock, in lock_held and in views",
    seed: 1000,
    plant: () => vi.spyOn(Draft.prototype, "mayRead").mockReturnValue(true),
  },
  {
    name: "fences and checks are for everybody",
    channel: "a refusal, whether or not the znode is there",
    seed: 1000,
    plant: () => vi.spyOn(Ask.prototype, "requireAny").mockReturnValue(undefined),
  },
  {
    name: "a recursive delete finds out on its way what may not go",
    channel: "a recursive delete that would meet what may not be deleted",
    seed: 1013,
    plant: () =>
      vi.spyOn(Ask.prototype, "requireBelow").mockImplementation(function (this: Ask, path, verb) {
        this.require(path, verb);
      }),
  },
  {
    name: "what is compared with what is there takes no right to read",
    channel: "what an import finds unchanged, skipped or in its way",
    plant: () => {
      const require = Ask.prototype.require;
      vi.spyOn(Ask.prototype, "require").mockImplementation(function (this: Ask, path, ...verbs) {
        require.call(this, path, ...(verbs.length > 1 ? verbs.filter((verb) => verb !== "read") : verbs));
      });
    },
  },
];
