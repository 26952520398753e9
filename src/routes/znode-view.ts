// A znode as listings show it: its path, and what `include` asks for.

import { Type } from "typebox";
import { type Stat, statOf } from "../core/stat.ts";
import type { Znode } from "../core/znode.ts";
import { dataMember } from "../store/json-data.ts";

export interface ZnodeView {
  readonly path: string;
  readonly stat?: Stat;
  readonly data?: string;
  readonly dataBase64?: string;
}

/** What a view has besides the path. */
export interface Included {
  readonly stat: boolean;
  readonly data: boolean;
}

/** The `include` parameter. @param initial what is included when it is not given */
export function includeQuery(initial: string) {
  return Type.String({
    pattern: "^(|(stat|data)(,(stat|data))?)$",
    default: initial,
    description:
      "What to tell of each znode besides its path: `stat`, `data`, both (comma-separated) or nothing.",
  });
}

export function includedIn(include: string): Included {
  const parts = include.split(",");
  return { stat: parts.includes("stat"), data: parts.includes("data") };
}

export function viewOf(znode: Znode, included: Included): ZnodeView {
  return {
    path: znode.path,
    ...(included.data && dataMember(znode.data)),
    ...(included.stat && { stat: statOf(znode) }),
  };
}
