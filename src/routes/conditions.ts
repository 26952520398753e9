// Conditions a request carries in headers: which incarnation and version it expects (ETags), and which fences must
// still hold.

import type { IncomingHttpHeaders } from "node:http";
import type { Fence, ZnodeTag } from "../core/command.ts";
import { KeeperError } from "../core/errors.ts";
import { rootPath } from "../core/path.ts";
import type { Stat } from "../core/stat.ts";

/** `"<czxid>-<version>"`: another incarnation of the same path has another tag (S11). */
export function etagOf(stat: Pick<Stat, "czxid" | "version">): string {
  return `"${stat.czxid}-${stat.version}"`;
}

const tagPattern = /^"(\d{1,16})-(\d{1,16})"$/;

/**
 * The tags of an `If-Match` header; undefined when there is none, or when it is `*`, which any znode that exists
 * matches. A tag we never gave out matches nothing, as HTTP asks.
 */
export function ifMatchOf(headers: IncomingHttpHeaders): readonly ZnodeTag[] | undefined {
  const header = headers["if-match"];
  if (header === undefined || header.trim() === "*") return undefined;
  const tags: ZnodeTag[] = [];
  for (const text of header.split(",")) {
    const [, czxid, version] = tagPattern.exec(text.trim()) ?? [];
    if (czxid !== undefined) tags.push({ czxid: Number(czxid), version: Number(version) });
  }
  return tags;
}

/** Whether `If-None-Match: *` asks that the znode does not exist yet. */
export function mustBeNew(headers: IncomingHttpHeaders): boolean {
  const header = headers["if-none-match"];
  if (header === undefined) return false;
  if (header.trim() === "*") return true;
  throw new KeeperError(
    "bad_request",
    "On a write, If-None-Match can only be *; to replace a version use If-Match.",
  );
}

/** Whether the client has this very representation already, so that a 304 will do. */
export function isUnchanged(headers: IncomingHttpHeaders, etag: string): boolean {
  const header = headers["if-none-match"];
  if (header === undefined) return false;
  return header.trim() === "*" || header.split(",").some((tag) => tag.trim().replace(/^W\//, "") === etag);
}

const fencePattern = /^(.+)@(\d{1,16})$/;

/** `Fence: <path>@<czxid>`, several comma-separated; the path is percent-encoded as in a URL. */
export function fencesOf(headers: IncomingHttpHeaders): readonly Fence[] | undefined {
  const header = headers.fence;
  if (header === undefined) return undefined;
  const text = Array.isArray(header) ? header.join(",") : header;
  return text.split(",").map((part) => fenceOf(part.trim()));
}

function fenceOf(text: string): Fence {
  const [, path, czxid] = fencePattern.exec(text) ?? [];
  if (path === undefined) {
    throw new KeeperError(
      "bad_request",
      `A fence is written <path>@<czxid>, for example /master@1042, not "${text}".`,
    );
  }
  return { path: decodeFencePath(path), czxid: Number(czxid) };
}

function decodeFencePath(encoded: string): string {
  try {
    const path = decodeURIComponent(encoded);
    return path.startsWith("/") ? path : rootPath + path;
  } catch {
    throw new KeeperError("bad_path", "The path of a fence is not valid percent-encoded UTF-8.");
  }
}
