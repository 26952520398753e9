// The znode path in a URL. It is read from the request target as it came, before any library could fold or trim it:
// what is not a valid path is refused, never repaired (P14).

import type { FastifyRequest } from "fastify";
import { validatePathLength } from "../../core/command-syntax.ts";
import { KeeperError } from "../../core/errors.ts";
import type { Limits } from "../../core/limits.ts";
import { rootPath } from "../../core/tree/path.ts";

export const znodesUrl = "/v1/znodes";

/**
 * The path behind `prefix` in the request's URL, percent-decoded once. `/a/b` and `/%2Fa%2Fb` (what generated
 * clients send for a parameter) are the same znode; nothing, and a slash alone, are the root. The result has no
 * more characters than a path may have, and is else not validated: for a sequential create it is a prefix.
 */
export function znodePathOf(request: FastifyRequest, prefix: string, limits: Limits): string {
  const path = decodedPathOf(request.raw.url as string, prefix);
  validatePathLength(path, limits);
  return path;
}

/** @throws KeeperError where it is not percent-encoded UTF-8, or not behind the prefix as it is written */
export function decodedPathOf(target: string, prefix: string): string {
  // The router decodes what it matches: /v1/%7Anodes gets here too, and the rest could not be told from the prefix.
  if (!target.startsWith(prefix)) {
    throw new KeeperError("no_route", `Write ${prefix} itself without percent-encoding.`);
  }
  const query = target.indexOf("?");
  const encoded = target.slice(prefix.length, query === -1 ? undefined : query);
  if (encoded === "" || encoded === "/") return rootPath;
  const decoded = decode(encoded.slice(1));
  return encodedSlash.test(encoded) ? decoded : `/${decoded}`;
}

const encodedSlash = /^\/%2f/i;

function decode(encoded: string): string {
  if (!encoded.includes("%")) return encoded;
  try {
    return decodeURIComponent(encoded);
  } catch {
    throw new KeeperError("bad_path", "The URL is not valid percent-encoded UTF-8.");
  }
}

/** The URL of a znode under `prefix`, each segment percent-encoded. */
export function urlOfZnode(prefix: string, path: string): string {
  return prefix + path.split("/").map(encodeURIComponent).join("/");
}
