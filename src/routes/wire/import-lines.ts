// The lines of an export read back: each a znode as GET /v1/tree gives it. What the other tree's numbers mean here
// is decided here; whether the znode may be is decided in the core.

import { Type } from "typebox";
import { Compile } from "typebox/compile";
import { type Acl, isMasked } from "../../core/acl/acl.ts";
import { parseAcl } from "../../core/acl/acl-syntax.ts";
import type { ImportedZnode } from "../../core/command.ts";
import { isInBarrier } from "../../core/coordination/barriers.ts";
import { isInQueue } from "../../core/coordination/claims.ts";
import { KeeperError } from "../../core/errors.ts";
import type { Reader } from "../../core/reader.ts";
import { importedNumberMax } from "../../core/tree/sequence.ts";
import type { Stat } from "../../core/tree/stat.ts";
import { invalid } from "../http/problems.ts";
import { bodyCheck } from "../http/validation.ts";
import { modeOf } from "./new-znode.ts";
import { bytesOf, textOrNull, wirePathLength } from "./operations.ts";

/** What goes on being counted here must have far to go. */
const countedNumber = Type.Integer({ minimum: 0, maximum: importedNumberMax });

/** Only what an import goes by is looked at closely: the rest of a stat tells of the tree it comes from. */
const lineSchema = Type.Object(
  {
    path: Type.String(wirePathLength),
    data: textOrNull("The data as text."),
    dataBase64: textOrNull("The data as base64."),
    acl: Type.Optional(Type.Unknown()),
    stat: Type.Optional(
      Type.Object({
        cversion: Type.Optional(countedNumber),
        numChildren: Type.Optional(countedNumber),
        sequence: Type.Optional(countedNumber),
        ephemeralOwner: Type.Optional(Type.Union([Type.String(), Type.Null()])),
        ttlMs: Type.Optional(Type.Integer()),
        container: Type.Optional(Type.Boolean()),
      }),
    ),
  },
  { additionalProperties: false },
);

/** Fast, and says only whether it is one. What is none is looked at again by what can say why. */
const line = Compile(lineSchema);
const faultsOf = bodyCheck(lineSchema);

/** What recipes keep, as whoever imports names it. */
export type Kept = Pick<Reader, "keeps">;

/**
 * Null for what lives with sessions that are not here: an ephemeral, and whatever stands in a barrier. A place in the
 * queue of a lock or election comes into being by a claim alone, so what is brought there has no number.
 * @throws KeeperError `bad_request`, `bad_mode`, `bad_ttl` or `bad_acl` for a line that is no znode
 */
export function znodeOfLine(text: string, kept: Kept): ImportedZnode | null {
  const value: unknown = parsed(text);
  if (!line.Check(value)) throw invalid("The znode", faultsOf(value) ?? []);
  const stat = (value.stat ?? {}) as Partial<Stat>;
  if (stat.ephemeralOwner !== undefined && stat.ephemeralOwner !== null) return null;
  if (kept.keeps(value.path, isInBarrier)) return null;
  const { container = false, ttlMs } = stat;
  return {
    path: value.path,
    data: bytesOf(value),
    mode: modeOf({ container, ...(ttlMs !== undefined && { ttlMs }) }),
    sequence: kept.keeps(value.path, isInQueue) ? null : (stat.sequence ?? null),
    nextSequence: childrenEver(stat),
    ...(value.acl !== undefined && { acl: aclOf(value.acl) }),
  };
}

/** What was left out of a list when it was exported cannot be brought in: nobody would be let in by it. */
function aclOf(wire: unknown): Acl {
  const acl = parseAcl(wire, []);
  if (!isMasked(acl)) return acl;
  throw new KeeperError(
    "bad_acl",
    "The access control list has x in the place of a hash: it was exported by somebody whom it does not give admin. Export it as who has that, or without lists.",
  );
}

/** Children ever created under the znode (S7): no number given there comes again here. */
function childrenEver({ cversion = 0, numChildren = 0 }: Partial<Stat>): number {
  return Math.ceil((cversion + numChildren) / 2);
}

/** What some editors and shells put at the beginning of a file of UTF-8. */
const byteOrderMark = "\ufeff";

function parsed(text: string): unknown {
  try {
    return JSON.parse(text.startsWith(byteOrderMark) ? text.slice(1) : text);
  } catch {
    throw new KeeperError("bad_request", "It is not JSON.");
  }
}
