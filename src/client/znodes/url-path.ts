// How a znode is named in a URL.

import { badPath } from "../calls/names.ts";

/**
 * The URL of a znode, below the service's own. What is no path is for the server to refuse.
 * @throws RequestError `bad_path` when no URL could say it
 */
export function urlPathOf(resource: string, path: string): string {
  if (!path.startsWith("/")) throw badPath("A path starts with a slash.");
  try {
    if (dotSegment.test(path)) return `${resource}/${encodeURIComponent(path)}`;
    return resource + path.split("/").map(encodeURIComponent).join("/");
  } catch {
    throw badPath("A path is well-formed Unicode.");
  }
}

/** `.` and `..` would be folded away on the road; in a segment that also holds slashes they are not. */
const dotSegment = /\/\.{1,2}(?:\/|$)/;
