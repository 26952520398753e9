// Decides what is added to counters. The value stays a whole number that every client can hold, and text that is none
// is left alone: it is somebody's, and no counter.

import type { Draft } from "../draft.ts";
import { KeeperError } from "../errors.ts";
import { planCreate, planSetData } from "../plan-znodes.ts";
import { decimalBytes, decimalIn } from "../tree/decimal.ts";
import type { Znode } from "../tree/znode.ts";
import type { AddToCounter, Counted } from "./coordination-command.ts";
import { counterPath } from "./counters.ts";

export function planAddToCounter(draft: Draft, { name, by }: AddToCounter): Counted {
  const path = counterPath(name);
  const znode = draft.get(path);
  const previous = znode === undefined ? 0 : counterIn(znode);
  const value = previous + by;
  if (!Number.isSafeInteger(value)) {
    throw new KeeperError(
      "bad_request",
      `${path} is ${previous}, and would not stay within 2^53-1 if ${by} were added; nothing was.`,
      { path },
    );
  }
  const data = decimalBytes(value);
  if (znode !== undefined) planSetData(draft, { type: "setData", path, data });
  else {
    const mode = { kind: "persistent", sequential: false } as const;
    planCreate(draft, { type: "create", path, data, mode, parents: true }, undefined);
  }
  return { path, previous, value };
}

/** The number the znode holds. @throws KeeperError `not_a_counter` when it holds something else */
export function counterIn({ path, data }: Znode): number {
  const value = decimalIn(data);
  if (value !== null) return value;
  throw new KeeperError(
    "not_a_counter",
    `${path} exists and is no counter: it holds no whole number within 2^53-1 as decimal text; set one, or delete it.`,
    { path },
  );
}
