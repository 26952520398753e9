// What a promise is to the judge of a nemesis: what is wrong with what was told, as sentences.

import type { NemesisRecord } from "./record.ts";
import type { Known, Replay } from "./replay.ts";

interface Case {
  readonly record: NemesisRecord;
  readonly replay: Replay;
  readonly known: Known;
}

export type Promised = (subject: Case) => string[];
