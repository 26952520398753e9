// Conditions a request carries in headers: which incarnation and version it expects (ETags), and which fences must
// still hold.

import type { IncomingHttpHeaders } from "node:http";
import type { SetData } from "../../core/command.ts";
import { type Epochs, parseStamp } from "../../core/epochs.ts";
import { KeeperError } from "../../core/errors.ts";
import { rootPath, validatePath } from "../../core/tree/path.ts";
import type { Stat } from "../../core/tree/stat.ts";
import type { Fence, ZnodeTag } from "../../core/write-context.ts";

/** What a znode is given as besides JSON: other bytes, and so other tags. */
export type ZnodeForm = "bytes" | "base64";

/**
 * `"<czxid>-<version>.<epoch>"`: another incarnation of the same path has another tag (S11), and so has the same version
 * with another value in another past of the store.
 */
export function etagOf(
  { czxid, mzxid, version }: Pick<Stat, "czxid" | "mzxid" | "version">,
  epochs: Pick<Epochs, "suffixAt">,
  form?: ZnodeForm,
): string {
  const tag = `"${czxid}-${version}${epochs.suffixAt(mzxid)}`;
  return form === undefined ? `${tag}"` : `${tag}-${form}"`;
}

/** `"<zxid>.<epoch>"` of the last transaction that changed what is listed: neither comes again. */
export function listTagOf(changedZxid: number, epochs: Pick<Epochs, "stampOf">): string {
  return `"${epochs.stampOf(changedZxid)}"`;
}

/** What a header of conditions may say: `*` is whatever exists. */
type Tags = "*" | readonly string[];

/** The tags of an `If-Match` header as they are in the store; `*` when any znode that exists will do. */
export function ifMatchOf(headers: IncomingHttpHeaders): "*" | readonly ZnodeTag[] | undefined {
  const tags = tagsOf(headers["if-match"], "If-Match");
  if (tags === undefined || tags === "*") return tags;
  return tags.flatMap(znodeTagOf);
}

/** A write replaces the znode in whichever form it was read. A tag without an epoch is one that a person has written. */
const znodeTagPattern = /^"(0|[1-9]\d{0,15})-(0|[1-9]\d{0,15})(?:\.([0-9a-f]{1,16}))?(?:-bytes|-base64)?"$/;

/** None for a tag that is weak or that we never gave out: it matches nothing, as HTTP asks. */
function znodeTagOf(tag: string): ZnodeTag[] {
  const [, czxid, version, epoch] = znodeTagPattern.exec(tag) ?? [];
  if (czxid === undefined) return [];
  return [{ czxid: Number(czxid), version: Number(version), ...(epoch !== undefined && { epoch }) }];
}

/** What is not there is refused in any case, so `*` asks for nothing more. */
export function expectation(
  version: number | undefined,
  ifMatch: ReturnType<typeof ifMatchOf>,
): Pick<SetData, "version" | "ifMatch"> {
  if (version === undefined && ifMatch === undefined) return anyVersion;
  const hasTags = ifMatch !== undefined && ifMatch !== "*";
  return { ...(version !== undefined && { version }), ...(hasTags && { ifMatch }) };
}

const anyVersion = {};

/** Whether `If-None-Match: *` asks that the znode does not exist yet. */
export function mustBeNew(headers: IncomingHttpHeaders): boolean {
  const tags = tagsOf(headers["if-none-match"], "If-None-Match");
  if (tags === undefined || tags === "*") return tags === "*";
  throw new KeeperError(
    "bad_request",
    "On a write, If-None-Match can only be *; to replace a version use If-Match.",
  );
}

type ConditionHeader = "if-match" | "if-none-match";

/** A condition that a write cannot keep is refused: to ignore it would be to do what was not asked. */
export function refuseConditions(
  headers: IncomingHttpHeaders,
  names: readonly ConditionHeader[],
  hint: string,
): void {
  if (names.some((name) => headers[name] !== undefined)) throw new KeeperError("bad_request", hint);
}

/** The representations a reader has already, as its `If-None-Match` header says. */
export function knownTagsOf(headers: IncomingHttpHeaders): Tags | undefined {
  return tagsOf(headers["if-none-match"], "If-None-Match");
}

/** Whether a 304 will do. Reads compare weakly: a tag that became weak on its way is still the same. */
export function isKnown(etag: string, known: Tags | undefined): boolean {
  if (known === undefined) return false;
  return known === "*" || known.some((tag) => tag.replace(/^W\//, "") === etag);
}

interface Pasts {
  /** The last applied transaction. */
  readonly zxid: number;
  readonly epochs: Pick<Epochs, "reaches">;
}

/** The first of the tags that is of a past which the store does not have. */
export function tagOfUnknownPast(known: Tags | undefined, { zxid, epochs }: Pasts): string | undefined {
  if (known === undefined || known === "*") return undefined;
  return known.find((tag) => {
    const [, first, epoch] = datedTagPattern.exec(tag) ?? [];
    return epoch !== undefined && (Number(first) > zxid || !epochs.reaches(epoch, Number(first)));
  });
}

/** Of a znode or of a listing: the first number is of a transaction that is in the past of the epoch. */
const datedTagPattern = /^(?:W\/)?"(\d{1,16})(?:-\d{1,16})?\.([0-9a-f]{1,16})(?:-bytes|-base64)?"$/;

function tagsOf(header: string | undefined, name: string): Tags | undefined {
  if (header === undefined) return undefined;
  if (header.trim() === "*") return "*";
  const tags = listedTags(header);
  if (tags.length > 0) return tags;
  throw new KeeperError(
    "bad_request",
    `${name} is * or a list of ETags in their quotes, for example "1042-0.3f9a01c2d4", not ${header || "empty"}.`,
  );
}

/** A place in a list of tags; HTTP lets one be empty (RFC 9110, 5.6.1 and 8.8.3). One reading of it only: no backtracking. */
const listPlace = /[ \t]*(?:((?:W\/)?"[\x21\x23-\x7e\x80-\xff]*")[ \t]*)?(?:,|$)/y;

/** None when anything in the list is no tag. */
function listedTags(header: string): string[] {
  const tags: string[] = [];
  listPlace.lastIndex = 0;
  while (listPlace.lastIndex < header.length) {
    const place = listPlace.exec(header);
    if (place === null) return [];
    if (place[1] !== undefined) tags.push(place[1]);
  }
  return tags;
}

const fencePattern = /^(.+)@([^@]+)$/;

/**
 * `Fence: <path>@<czxid>.<epoch>`, several comma-separated; the path is percent-encoded as in a URL. Without its epoch it
 * is compared by its number alone.
 */
export function fencesOf(headers: IncomingHttpHeaders): readonly Fence[] | undefined {
  const header = headers.fence;
  if (header === undefined) return undefined;
  const text = Array.isArray(header) ? header.join(",") : header;
  return text.split(",").map((part) => fenceOf(part.trim()));
}

function fenceOf(text: string): Fence {
  const [, path, stampText = ""] = fencePattern.exec(text) ?? [];
  const stamp = parseStamp(stampText);
  if (path === undefined || stamp === null) {
    throw new KeeperError(
      "bad_request",
      `A fence is written <path>@<czxid>, for example /master@1042 or /master@1042.3f9a01c2d4, not "${text}".`,
    );
  }
  const decoded = decodeFencePath(path);
  validatePath(decoded);
  const { zxid: czxid, epoch } = stamp;
  return epoch === undefined ? { path: decoded, czxid } : { path: decoded, czxid, epoch };
}

function decodeFencePath(encoded: string): string {
  try {
    const path = decodeURIComponent(encoded);
    return path.startsWith("/") ? path : rootPath + path;
  } catch {
    throw new KeeperError("bad_path", "The path of a fence is not valid percent-encoded UTF-8.");
  }
}
