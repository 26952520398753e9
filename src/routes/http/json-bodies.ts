// Bodies that are JSON: whatever their Content-Type says (curl's default is another), none at all is `{}`. What could
// be read in two ways, or is more than anything the service knows, is refused before it is parsed.

import { isUtf8 } from "node:buffer";
import type { FastifyInstance } from "fastify";
import { KeeperError } from "../../core/errors.ts";
import type { BodiesInFlight } from "./bodies-in-flight.ts";
import { assertReadable, type JsonLimits } from "./json-size.ts";
import { readBodiesWhole } from "./whole-bodies.ts";

/** Call in the scope of the routes, before any is added. */
export function acceptJsonBodies(app: FastifyInstance, inFlight: BodiesInFlight, limits: JsonLimits): void {
  const parse = app.getDefaultJsonParser("error", "error");
  readBodiesWhole(app, inFlight, (request, bytes) => {
    if (bytes.length === 0) return undefined;
    // Decoding would put U+FFFD where the fault is, and nobody would hear of it.
    if (!isUtf8(bytes)) throw new KeeperError("bad_request", "The body is not valid UTF-8.");
    const text = bytes.toString("utf8");
    assertReadable(text, limits);
    let body: unknown;
    let isParsed = false;
    // It calls back at once.
    parse(request, text, (error, parsed) => {
      isParsed = error === null;
      body = parsed;
    });
    if (!isParsed) throw unparsable(text);
    return body;
  });
  app.addHook("onRoute", (route) => {
    // Of these nobody reads a body.
    if (["GET", "HEAD"].includes(String(route.method))) return;
    const isTaken = route.schema?.body !== undefined;
    route.preValidation = [
      ...[route.preValidation ?? []].flat(),
      (request, _reply, done) => {
        // Some generated clients send null where they have none.
        if (isTaken) request.body ??= {};
        else if (!isEmpty(request.body ?? {})) throw takesNone();
        done();
      },
    ];
  });
}

function isEmpty(body: unknown): boolean {
  return typeof body === "object" && body !== null && Object.keys(body).length === 0;
}

function takesNone(): KeeperError {
  return new KeeperError("bad_request", "This request takes no body; it would be ignored.");
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
