// What a request is about, as its URL says: a znode, be it one of a recipe, or a session. A URL that no route could read is
// told as it came.

import { decodedPathOf } from "../wire/znode-path.ts";

export interface Target {
  readonly path?: string;
  readonly session?: string;
}

const znodeResources: ReadonlySet<string> = new Set([
  "znodes",
  "tree",
  "tree-with-progress",
  "quotas",
  "acl",
]);
const recipes: ReadonlySet<string> = new Set(["locks", "elections", "services", "counters", "barriers"]);

/** What is none may be a token that somebody took for an id. */
const sessionId = /^[0-9a-f]{16}$/;

/** Of what is neither a znode nor a session, the path behind `/v1`. */
export function targetIn(url: string, { pathLengthMax }: { readonly pathLengthMax: number }): Target {
  const pathname = url.split("?", 1)[0] as string;
  const [, , resource = "", ...encoded] = pathname.split("/");
  if (znodeResources.has(resource))
    return { path: shortened(znodePathIn(pathname, resource), pathLengthMax) };
  const segments = encoded.map(decoded);
  const [name] = segments;
  if (name === undefined) return {};
  if (resource === "sessions") return sessionId.test(name) ? { session: name } : {};
  // Between the name and what belongs to it stands a word: /locks/{name}/claims/{id}.
  const named = recipes.has(resource) ? segments.filter((_, index) => index !== 1) : segments;
  return { path: shortened(`/${[resource, ...named].join("/")}`, pathLengthMax) };
}

/** What was left out shows as three points. */
export function shortened(text: string, lengthMax: number): string {
  return text.length <= lengthMax ? text : `${text.slice(0, lengthMax)}...`;
}

function znodePathIn(pathname: string, resource: string): string {
  const prefix = `/v1/${resource}`;
  try {
    return decodedPathOf(pathname, prefix);
  } catch {
    return pathname.slice(prefix.length);
  }
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
