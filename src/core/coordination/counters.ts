// A counter is the decimal text of its znode: whoever knows nothing but znodes reads it, sets it and watches it.

import { joinPath } from "../tree/path.ts";
import { countersPath } from "./parts.ts";

export function counterPath(name: string): string {
  return joinPath(countersPath, name);
}
