// What of one OpenAPI document a client that was made from it would miss in another: operations and parameters that are gone,
// requests that are refused now, answers that it cannot read. What is only added breaks nobody who ignores it.

import {
  type Document,
  isObject,
  type Json,
  type JsonObject,
  type NamedOperation,
  operationsIn,
  resolvedIn,
} from "./document.ts";

type Direction = "request" | "answer";

/** Each as a sentence; none where every client goes on as it was. */
export function breakingChanges(before: Document, after: Document): string[] {
  return new Comparison(before, after).changes();
}

class Comparison {
  readonly #before: Document;
  readonly #after: Document;
  readonly #found = new Set<string>();

  constructor(before: Document, after: Document) {
    this.#before = before;
    this.#after = after;
  }

  changes(): string[] {
    const current = new Map(operationsIn(this.#after).map((each) => [each.name, each]));
    for (const each of operationsIn(this.#before)) {
      const now = current.get(each.name);
      if (now === undefined) this.#found.add(`${each.name} is gone`);
      else this.#compareOperations(each, now);
    }
    return [...this.#found];
  }

  #compareOperations({ name, operation: was }: NamedOperation, { operation: is }: NamedOperation): void {
    if (was.operationId !== is.operationId)
      this.#found.add(`${name} is called ${is.operationId}, not ${was.operationId}`);
    this.#compareParameters(name, was, is);
    this.#compareBodies(name, was.requestBody, is.requestBody);
    this.#compareAnswers(name, was.responses as JsonObject, is.responses as JsonObject);
  }

  #compareParameters(name: string, was: JsonObject, is: JsonObject): void {
    const [before, after] = [parametersOf(was), parametersOf(is)];
    for (const [key, parameter] of before) {
      const now = after.get(key);
      if (now === undefined) this.#found.add(`${name}: the parameter ${key} is gone`);
      else this.#compareSchemas(`${name}: ${key}`, parameter.schema, now.schema, "request");
    }
    for (const [key, { required }] of after) {
      if (required === true && before.get(key)?.required !== true)
        this.#found.add(`${name}: the parameter ${key} is required`);
    }
  }

  #compareBodies(name: string, was: Json | undefined, is: Json | undefined): void {
    if (isObject(is) && is.required === true && (!isObject(was) || was.required !== true))
      this.#found.add(`${name}: a body is required`);
    if (!isObject(was)) return;
    if (isObject(is)) this.#compareContents(`${name}: the body`, was, is, "request");
    else this.#found.add(`${name}: no body is taken`);
  }

  #compareAnswers(name: string, was: JsonObject, is: JsonObject): void {
    for (const status of Object.keys(is)) {
      if (status.startsWith("2") && !(status in was)) this.#found.add(`${name}: it may answer ${status}`);
    }
    for (const [status, answer] of Object.entries(was)) {
      const now = is[status];
      if (!status.startsWith("2") || now === undefined) continue;
      const [before, after] = [
        resolvedIn(this.#before, answer as JsonObject),
        resolvedIn(this.#after, now as JsonObject),
      ];
      this.#compareContents(`${name}: ${status}`, before, after, "answer");
      for (const header of Object.keys((before.headers ?? {}) as object)) {
        if (!isObject(after.headers) || !(header in after.headers))
          this.#found.add(`${name}: ${status} has no ${header}`);
      }
    }
  }

  #compareContents(where: string, was: JsonObject, is: JsonObject, direction: Direction): void {
    const [before, after] = [was.content ?? {}, is.content ?? {}] as [JsonObject, JsonObject];
    for (const [type, media] of Object.entries(before) as [string, JsonObject][]) {
      const now = after[type] as JsonObject | undefined;
      if (now === undefined) {
        this.#found.add(`${where} is not ${type} any more`);
        continue;
      }
      this.#compareSchemas(where, media.schema, now.schema, direction);
      this.#compareSchemas(`${where}, a line`, media["x-line"], now["x-line"], direction);
      this.#compareEvents(where, media["x-events"], now["x-events"]);
    }
  }

  #compareEvents(where: string, was: Json | undefined, is: Json | undefined): void {
    for (const [event, schema] of Object.entries((was ?? {}) as JsonObject)) {
      const now = (is as JsonObject | undefined)?.[event];
      if (now === undefined) this.#found.add(`${where}: the event ${event} is gone`);
      else this.#compareSchemas(`${where}, ${event}`, schema, now, "answer");
    }
  }

  #compareSchemas(where: string, was: Json | undefined, is: Json | undefined, direction: Direction): void {
    if (!isObject(was) || !isObject(is)) return;
    if (was.$ref !== is.$ref) this.#found.add(`${where} has a type of another name`);
    const [before, after] = [resolvedIn(this.#before, was), resolvedIn(this.#after, is)];
    this.#compareValues(where, before, after, direction);
    this.#compareMembers(where, before, after, direction);
    this.#compareSchemas(`${where}[]`, before.items, after.items, direction);
    this.#compareSchemas(`${where}.*`, before.additionalProperties, after.additionalProperties, direction);
    this.#compareVariants(where, before, after, direction);
  }

  /** What could be said in a request can still be, and an answer says nothing that it could not. */
  #compareValues(where: string, was: JsonObject, is: JsonObject, direction: Direction): void {
    const [inner, outer] = direction === "request" ? [was, is] : [is, was];
    if (!isWithin(typesOf(inner), typesOf(outer)))
      this.#found.add(`${where} has other types: ${typesOf(is).join(", ") || "any"}`);
    if (!isWithin(wordsOf(inner), wordsOf(outer)))
      this.#found.add(`${where} has other words: ${wordsOf(is).join(", ") || "any"}`);
    if (was.format !== is.format) this.#found.add(`${where} has another format`);
    if (direction === "request" && isNarrowed(was, is)) this.#found.add(`${where} has narrower bounds`);
  }

  #compareMembers(where: string, was: JsonObject, is: JsonObject, direction: Direction): void {
    const [before, after] = [was.properties ?? {}, is.properties ?? {}] as [JsonObject, JsonObject];
    for (const [name, schema] of Object.entries(before)) {
      if (name in after) this.#compareSchemas(`${where}.${name}`, schema, after[name], direction);
      else this.#found.add(`${where}.${name} is gone`);
    }
    const [wasRequired, isRequired] = [was.required ?? [], is.required ?? []] as [string[], string[]];
    const changed =
      direction === "request" ? missingIn(isRequired, wasRequired) : missingIn(wasRequired, isRequired);
    for (const name of changed)
      this.#found.add(`${where}.${name} ${direction === "request" ? "is required" : "may be left out"}`);
  }

  #compareVariants(where: string, was: JsonObject, is: JsonObject, direction: Direction): void {
    for (const kind of ["oneOf", "anyOf"]) {
      const [before, after] = [referencesIn(was[kind]), referencesIn(is[kind])];
      const changed = direction === "request" ? missingIn(before, after) : missingIn(after, before);
      for (const reference of changed) this.#found.add(`${where} has other variants: ${reference}`);
      for (const $ref of before.filter((each) => after.includes(each)))
        this.#compareSchemas(`${where} ${$ref.split("/").at(-1)}`, { $ref }, { $ref }, direction);
    }
  }
}

function parametersOf({ parameters = [] }: JsonObject): Map<string, JsonObject> {
  return new Map((parameters as JsonObject[]).map((each) => [`${each.in} ${each.name}`, each]));
}

function missingIn<T>(wanted: readonly T[], there: readonly T[]): T[] {
  return wanted.filter((each) => !there.includes(each));
}

/** None stands for any. */
function isWithin(inner: readonly Json[], outer: readonly Json[]): boolean {
  return outer.length === 0 || (inner.length > 0 && missingIn(inner, outer).length === 0);
}

/** None where any will do. */
function typesOf({ type }: JsonObject): Json[] {
  return type === undefined ? [] : ([type].flat() as Json[]);
}

function wordsOf({ enum: words }: JsonObject): Json[] {
  return Array.isArray(words) ? [...words] : [];
}

function referencesIn(variants: Json | undefined): string[] {
  return Array.isArray(variants) ? variants.map((each: Json) => JSON.stringify(each).slice(9, -2)) : [];
}

function isNarrowed(was: JsonObject, is: JsonObject): boolean {
  const isHigher = (name: string) => Number(is[name] ?? -Infinity) > Number(was[name] ?? -Infinity);
  const isLower = (name: string) => Number(is[name] ?? Infinity) < Number(was[name] ?? Infinity);
  if (["minimum", "minLength", "minItems", "minProperties"].some(isHigher)) return true;
  if (["maximum", "maxLength", "maxItems"].some(isLower)) return true;
  return is.pattern !== undefined && is.pattern !== was.pattern;
}
