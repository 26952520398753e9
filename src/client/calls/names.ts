// Names in URLs: of locks, elections, services and the like. Whatever would not arrive as it stands is refused here, as
// the server would; it must never arrive as something else.

import { RequestError } from "./errors.ts";

/** `.` and `..`, which are folded away on the road, and nothing at all. */
const lostOnTheRoad = /^\.{0,2}$/;

/**
 * A name as one segment of a URL.
 * @throws RequestError `bad_path` when no URL could say it; what else is no name is for the server to refuse
 */
export function segmentOf(name: string): string {
  if (lostOnTheRoad.test(name)) throw badPath('A name is not empty, nor "." or "..".');
  try {
    return encodeURIComponent(name);
  } catch {
    throw badPath("A name is well-formed Unicode.");
  }
}

/** Characters of a URL that whatever stands between takes: common proxies end at eight thousand. */
const urlLengthMax = 4000;

/** Whether what is asked has to be said in a body. */
export function isTooLong(url: string): boolean {
  return url.length > urlLengthMax;
}

export function badPath(detail: string): RequestError {
  return new RequestError({ code: "bad_path", status: 400, detail });
}
