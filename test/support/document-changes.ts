// What of one OpenAPI document a client that was made from it would miss in another: operations and parameters that are gone,
// requests that are refused now, answers that it cannot read. What is only added breaks nobody who ignores it.

import { isDeepStrictEqual } from "node:util";
import {
  type Document,
  isObject,
  type Json,
  type JsonObject,
  type NamedOperation,
  operationsIn,
  resolvedIn,
} from "./document.ts";
import { type Direction, missingIn, SchemaComparison } from "./schema-changes.ts";

/** Each as a sentence; none where every client goes on as it was. */
export function breakingChanges(before: Document, after: Document): string[] {
  return new Comparison(before, after).changes();
}

class Comparison {
  readonly #before: Document;
  readonly #after: Document;
  readonly #found = new Set<string>();
  readonly #schemas: SchemaComparison;

  constructor(before: Document, after: Document) {
    this.#before = before;
    this.#after = after;
    this.#schemas = new SchemaComparison(before, after, (change) => this.#found.add(change));
  }

  changes(): string[] {
    this.#compareServers("the document", serversOf(this.#before), serversOf(this.#after));
    this.#compareSecuritySchemes();
    const current = new Map(operationsIn(this.#after).map((each) => [each.name, each]));
    for (const each of operationsIn(this.#before)) {
      const now = current.get(each.name);
      if (now === undefined) this.#found.add(`${each.name} is gone`);
      else this.#compareOperations(each, now);
    }
    return [...this.#found];
  }

  /** Clients go to the first; the others may be named in their settings, by number. */
  #compareServers(where: string, was: Json[], is: Json[]): void {
    for (const [index, server] of was.entries()) {
      if (is[index] !== server) this.#found.add(`${where} is of ${is[index] ?? "no server"}, not ${server}`);
    }
  }

  #compareSecuritySchemes(): void {
    const [before = {}, after = {}] = [this.#before, this.#after].map(
      ({ components }) => components.securitySchemes,
    );
    for (const [name, scheme] of Object.entries(before)) {
      const now = after[name] ?? {};
      if (!isDeepStrictEqual({ ...scheme, description: "" }, { ...now, description: "" }))
        this.#found.add(`the security scheme ${name} is another`);
    }
  }

  #compareOperations({ name, operation: was }: NamedOperation, { operation: is }: NamedOperation): void {
    if (was.operationId !== is.operationId)
      this.#found.add(`${name} is called ${is.operationId}, not ${was.operationId}`);
    const [tag, tagNow] = [was, is].map(({ tags }) => (tags as string[] | undefined)?.[0]);
    // Generators make one class of the operations of a tag.
    if (tag !== tagNow) this.#found.add(`${name} is of the tag ${tagNow}, not ${tag}`);
    if (was.servers !== undefined || is.servers !== undefined)
      this.#compareServers(name, serversOf(was, this.#before), serversOf(is, this.#after));
    if (!isAdmitted(was.security ?? this.#before.security, is.security ?? this.#after.security))
      this.#found.add(`${name} asks for other credentials`);
    this.#compareParameters(name, was, is);
    this.#compareBodies(name, was.requestBody, is.requestBody);
    this.#compareAnswers(name, (was.responses ?? {}) as JsonObject, (is.responses ?? {}) as JsonObject);
  }

  #compareParameters(name: string, was: JsonObject, is: JsonObject): void {
    const [before, after] = [parametersOf(was), parametersOf(is)];
    for (const [key, parameter] of before) {
      const now = after.get(key);
      if (now === undefined) this.#found.add(`${name}: the parameter ${key} is gone`);
      else this.#compareWritten(`${name}: ${key}`, parameter, now, "request");
    }
    for (const [key, { required }] of after) {
      if (required === true && before.get(key)?.required !== true)
        this.#found.add(`${name}: the parameter ${key} is required`);
    }
  }

  /** A parameter, or a header of an answer. */
  #compareWritten(where: string, was: JsonObject, is: JsonObject, direction: Direction): void {
    if (styleOf(was) !== styleOf(is))
      this.#found.add(`${where} is written as ${styleOf(is)}, not ${styleOf(was)}`);
    this.#schemas.compare(where, was.schema, is.schema, direction);
    this.#compareContents(where, was, is, direction);
  }

  #compareBodies(name: string, was: Json | undefined, is: Json | undefined): void {
    if (isObject(is) && is.required === true && (!isObject(was) || was.required !== true))
      this.#found.add(`${name}: a body is required`);
    if (!isObject(was)) return;
    if (isObject(is)) this.#compareContents(`${name}: the body`, was, is, "request");
    else this.#found.add(`${name}: no body is taken`);
  }

  #compareAnswers(name: string, was: JsonObject, is: JsonObject): void {
    const [before, after] = [was, is].map((answers) =>
      Object.keys(answers).filter((each) => each.startsWith("2")),
    ) as [string[], string[]];
    for (const status of missingIn(after, before)) this.#found.add(`${name}: it may answer ${status}`);
    for (const status of missingIn(before, after)) this.#found.add(`${name}: it never answers ${status}`);
    for (const [status, answer] of Object.entries(was)) {
      if (isObject(answer) && isObject(is[status]))
        this.#compareAnswer(`${name}: ${status}`, answer, is[status]);
    }
  }

  #compareAnswer(where: string, was: JsonObject, is: JsonObject): void {
    const [before, after] = [resolvedIn(this.#before, was), resolvedIn(this.#after, is)];
    this.#compareContents(where, before, after, "answer");
    const [headers, headersNow] = [before, after].map(({ headers }) => headers ?? {}) as [
      Record<string, JsonObject>,
      Record<string, JsonObject>,
    ];
    for (const [name, header] of Object.entries(headers)) {
      const now = headersNow[name];
      if (now === undefined) this.#found.add(`${where} has no ${name}`);
      else this.#compareHeaders(`${where}, ${name}`, header, now);
    }
  }

  #compareHeaders(where: string, was: JsonObject, is: JsonObject): void {
    const [before, after] = [resolvedIn(this.#before, was), resolvedIn(this.#after, is)];
    if (before.required === true && after.required !== true) this.#found.add(`${where} may be left out`);
    this.#compareWritten(where, before, after, "answer");
  }

  #compareContents(where: string, was: JsonObject, is: JsonObject, direction: Direction): void {
    const [before, after] = [was.content ?? {}, is.content ?? {}] as [JsonObject, JsonObject];
    for (const [type, media] of Object.entries(before) as [string, JsonObject][]) {
      const now = after[type] as JsonObject | undefined;
      if (now === undefined) {
        this.#found.add(`${where} is not ${type} any more`);
        continue;
      }
      this.#schemas.compare(where, media.schema, now.schema, direction);
      this.#schemas.compare(`${where}, a line`, media["x-line"], now["x-line"], direction);
      this.#compareEvents(where, media["x-events"], now["x-events"]);
    }
  }

  #compareEvents(where: string, was: Json | undefined, is: Json | undefined): void {
    for (const [event, schema] of Object.entries((was ?? {}) as JsonObject)) {
      const now = (is as JsonObject | undefined)?.[event];
      if (now === undefined) this.#found.add(`${where}: the event ${event} is gone`);
      else this.#schemas.compare(`${where}, ${event}`, schema, now, "answer");
    }
  }
}

/** Its own, or those of the document that it is in. */
function serversOf({ servers }: JsonObject, document?: Document): Json[] {
  if (Array.isArray(servers) && servers.length > 0) return servers.map(({ url }) => url);
  return document === undefined ? ["/"] : serversOf(document);
}

/** Whether whoever had one of the credentials that were enough has enough now. */
function isAdmitted(was: Json | undefined, is: Json | undefined): boolean {
  const [before, after] = [waysIn(was), waysIn(is)];
  return before.every((had) => after.some((asked) => missingIn(asked, had).length === 0));
}

/** The schemes of each alternative, with what may be done by them; of none where anybody may come. */
function waysIn(security: Json | undefined): string[][] {
  const ways = Array.isArray(security) && security.length > 0 ? security : [{}];
  return ways.map((way: JsonObject) =>
    Object.entries(way).flatMap(([scheme, scopes]) => [
      scheme,
      ...(scopes as string[]).map((each) => `${scheme} ${each}`),
    ]),
  );
}

function parametersOf({ parameters = [] }: JsonObject): Map<string, JsonObject> {
  return new Map((parameters as JsonObject[]).map((each) => [`${each.in} ${each.name}`, each]));
}

/** With what holds where it is not said. */
function styleOf(parameter: JsonObject): string {
  const isForm = parameter.in === "query" || parameter.in === "cookie";
  const { style = isForm ? "form" : "simple" } = parameter;
  const { explode = style === "form" } = parameter;
  return explode ? `${style}, each by itself` : `${style}, in one`;
}
