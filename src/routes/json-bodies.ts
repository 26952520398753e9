// Bodies that are JSON: whatever their Content-Type says (curl's default is another), none at all is `{}`. What could
// be read in two ways, or is deeper than anything the service knows, is refused before it is parsed.

import { isUtf8 } from "node:buffer";
import { promisify } from "node:util";
import type { FastifyInstance } from "fastify";
import { KeeperError } from "../core/errors.ts";
import type { BodiesInFlight } from "./bodies-in-flight.ts";
import { ignoreContentType } from "./content-type.ts";
import type { HttpLimits } from "./http-limits.ts";
import { readBodiesWhole } from "./whole-bodies.ts";

/** Call in the scope of the routes. */
export function acceptJsonBodies(
  app: FastifyInstance,
  inFlight: BodiesInFlight,
  { jsonDepthMax }: HttpLimits,
): void {
  ignoreContentType(app);
  const parse = promisify(app.getDefaultJsonParser("error", "error"));
  readBodiesWhole(app, inFlight, (request, bytes) => {
    if (bytes.length === 0) return undefined;
    // Decoding would put U+FFFD where the fault is, and nobody would hear of it.
    if (!isUtf8(bytes)) throw new KeeperError("bad_request", "The body is not valid UTF-8.");
    const text = bytes.toString("utf8");
    const depth = jsonDepthOf(text);
    if (depth > jsonDepthMax) throw tooDeep(jsonDepthMax, depth);
    return parse(request, text).catch(() => Promise.reject(unparsable(text)));
  });
  app.addHook("preValidation", (request, _reply, done) => {
    request.body ??= {};
    const isTaken = request.routeOptions.schema?.body !== undefined;
    done(isTaken || isEmpty(request.body) ? undefined : takesNone());
  });
}

function isEmpty(body: unknown): boolean {
  return typeof body === "object" && body !== null && Object.keys(body).length === 0;
}

function takesNone(): KeeperError {
  return new KeeperError("bad_request", "This request takes no body; what it says would be ignored.");
}

/** JSON that the parser refuses all the same has one of the names by which objects are tampered with. */
function unparsable(text: string): KeeperError {
  try {
    JSON.parse(text.replace(/^\ufeff/, ""));
    return new KeeperError("bad_request", 'No member of the body may be named "__proto__" or "constructor".');
  } catch {
    return new KeeperError("bad_request", "The body is not valid JSON.");
  }
}

function tooDeep(limitValue: number, size: number): KeeperError {
  return new KeeperError(
    "bad_request",
    `Lists and objects in a body are at most ${limitValue} deep; these are ${size}.`,
    { limit: "jsonDepthMax", limitValue, size },
  );
}

const structure = /["[\]{}]/g;

/** How deep lists and objects are within each other. Text that is no JSON has some depth too; its parser says so. */
function jsonDepthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  structure.lastIndex = 0;
  for (let found = structure.exec(text); found !== null; found = structure.exec(text)) {
    switch (found[0]) {
      case '"':
        structure.lastIndex = endOfString(text, structure.lastIndex);
        break;
      case "[":
      case "{":
        depth += 1;
        deepest = Math.max(deepest, depth);
        break;
      default:
        depth -= 1;
    }
  }
  return deepest;
}

/** Behind the quote that ends the string which begins at `start`; behind the text when none does. */
function endOfString(text: string, start: number): number {
  let quote = text.indexOf('"', start);
  while (quote !== -1 && isEscaped(text, quote)) quote = text.indexOf('"', quote + 1);
  return quote === -1 ? text.length : quote + 1;
}

function isEscaped(text: string, at: number): boolean {
  let backslashes = 0;
  while (text[at - 1 - backslashes] === "\\") backslashes += 1;
  return backslashes % 2 === 1;
}
