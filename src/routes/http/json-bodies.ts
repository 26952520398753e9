// Bodies that are JSON: whatever their Content-Type says (curl's default is another), none at all is `{}`. What could
// be read in two ways, or is more than anything the service knows, is refused before it is parsed: of a long body as soon
// as that is seen, while the rest of it is on its way.

import type { FastifyInstance } from "fastify";
import { KeeperError } from "../../core/errors.ts";
import type { BodiesInFlight } from "./bodies-in-flight.ts";
import { GrowingBytes } from "./growing-bytes.ts";
import { GrowingJson, notJson, type ParseJson, textOf } from "./growing-json.ts";
import { type JsonLimits, JsonScanner } from "./json-scanner.ts";
import { type CollectedBody, readBodiesWhole } from "./whole-bodies.ts";

/** Call in the scope of the routes, before any is added. */
export function acceptJsonBodies(app: FastifyInstance, inFlight: BodiesInFlight, limits: JsonLimits): void {
  const fastifyParse = app.getDefaultJsonParser("error", "error");
  readBodiesWhole(app, inFlight, (request, bytesMax) => {
    const parse = (text: string) => {
      let body: unknown;
      let isParsed = false;
      // It calls back at once.
      fastifyParse(request, text, (error, parsed) => {
        isParsed = error === null;
        body = parsed;
      });
      if (!isParsed) throw unparsable(text);
      return body;
    };
    return new JsonBody(limits, parse, bytesMax > shortBytesMax ? beginningBytesMax : shortBytesMax);
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

/** As long as one piece of what is read from a connection; nearly all are shorter, and are parsed as a whole. */
const shortBytesMax = 65_536;
/** Of a longer one, or one that does not say how long it is, no more than this is held before parsing begins. */
const beginningBytesMax = 8192;

class JsonBody implements CollectedBody {
  readonly #limits: JsonLimits;
  readonly #parse: ParseJson;
  readonly #shortBytesMax: number;
  readonly #short: GrowingBytes;
  #long: GrowingJson | null = null;

  /** @param shortBytesMax as much is parsed as a whole, if it is all */
  constructor(limits: JsonLimits, parse: ParseJson, shortBytesMax: number) {
    this.#limits = limits;
    this.#parse = parse;
    this.#shortBytesMax = shortBytesMax;
    this.#short = new GrowingBytes(shortBytesMax);
  }

  get heldBytes(): number {
    return this.#long?.heldBytes ?? this.#short.length;
  }

  add(piece: Buffer): void {
    if (this.#long === null && this.#short.length + piece.length <= this.#shortBytesMax) {
      this.#short.add(piece);
      return;
    }
    if (this.#long === null) {
      this.#long = new GrowingJson(this.#limits, this.#parse);
      this.#long.add(this.#short.take());
    }
    this.#long.add(piece);
  }

  take(): unknown {
    if (this.#long !== null) return this.#long.take();
    const bytes = this.#short.take();
    if (bytes.length === 0) return undefined;
    new JsonScanner(this.#limits).scanAll(bytes);
    return this.#parse(textOf(bytes));
  }
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
    return notJson();
  }
}
