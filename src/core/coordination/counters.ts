// A counter is the decimal text of its znode: whoever knows nothing but znodes reads it, sets it and watches it.

import { joinPath } from "../tree/path.ts";

export const countersPath = "/counters";

export function counterPath(name: string): string {
  return joinPath(countersPath, name);
}
