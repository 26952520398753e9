// What of one schema a client that was made from it would miss in another. In a request, what could be said can still be. An
// answer says nothing that it could not. A keyword that is not known here may not change at all.

import { isDeepStrictEqual } from "node:util";
import { type Document, isObject, type Json, type JsonObject, resolvedIn } from "./document.ts";

export type Direction = "request" | "answer";

type Schema = Json | undefined;

/** These have a comparison of their own. */
const compared = [
  ["type", "enum", "properties", "required", "items", "additionalProperties"],
  ["oneOf", "anyOf", "discriminator", "contentSchema", "$ref"],
].flat();

const lowerBounds = ["minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"];
const upperBounds = ["maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"];
const forms = ["pattern", "multipleOf", "uniqueItems"];

/** These are for people to read. */
const annotations = ["title", "description", "example", "examples", "deprecated"];

const known = new Set([compared, lowerBounds, upperBounds, forms, annotations].flat());

export class SchemaComparison {
  readonly #before: Document;
  readonly #after: Document;
  readonly #tell: (change: string) => void;

  constructor(before: Document, after: Document, tell: (change: string) => void) {
    this.#before = before;
    this.#after = after;
    this.#tell = tell;
  }

  compare(where: string, was: Schema, is: Schema, direction: Direction): void {
    if (isObject(was) && isObject(is)) this.#compareSchemas(where, was, is, direction);
    else if (isObject(was)) this.#tell(`${where} ${is === false ? "may not be" : "has no schema any more"}`);
    else if (direction === "request" && isFree(was) && !isFree(is))
      this.#tell(`${where} is not free any more`);
  }

  #compareSchemas(where: string, was: JsonObject, is: JsonObject, direction: Direction): void {
    if (was.$ref !== is.$ref) this.#tell(`${where} has a type of another name`);
    const [before, after] = [resolvedIn(this.#before, was), resolvedIn(this.#after, is)];
    this.#compareValues(where, before, after, direction);
    this.#compareBounds(where, before, after, direction);
    this.#compareOtherKeywords(where, before, after, direction);
    this.#compareMembers(where, before, after, direction);
    this.compare(`${where}[]`, before.items, after.items, direction);
    this.compare(`${where}.*`, before.additionalProperties, after.additionalProperties, direction);
    this.#compareVariants(where, before, after, direction);
    this.#compareDiscriminators(where, before.discriminator, after.discriminator);
  }

  #compareValues(where: string, was: JsonObject, is: JsonObject, direction: Direction): void {
    const [inner, outer] = direction === "request" ? [was, is] : [is, was];
    if (!isWithin(typesOf(inner), typesOf(outer)) || isLost(typesOf(was), typesOf(is)))
      this.#tell(`${where} has other types: ${typesOf(is).join(", ") || "any"}`);
    if (!isWithin(wordsOf(inner), wordsOf(outer)))
      this.#tell(`${where} has other words: ${wordsOf(is).join(", ") || "any"}`);
  }

  #compareBounds(where: string, was: JsonObject, is: JsonObject, direction: Direction): void {
    if (direction === "request" && isNarrowed(was, is)) this.#tell(`${where} has narrower bounds`);
    if (direction === "answer" && isNarrowed(is, was)) this.#tell(`${where} has wider bounds`);
  }

  #compareOtherKeywords(where: string, was: JsonObject, is: JsonObject, direction: Direction): void {
    // A stream may have more events at any time; x-events tells what became of each.
    if (isObject(was.contentSchema) && !isObject(is.contentSchema))
      this.#tell(`${where} has no schema of its content any more`);
    for (const keyword of new Set([...Object.keys(was), ...Object.keys(is)])) {
      if (known.has(keyword) || keyword.startsWith("x-")) continue;
      // A request that leaves a value out means the default. An answer's default only describes it.
      if (keyword === "default" && direction === "answer") continue;
      if (!isDeepStrictEqual(was[keyword], is[keyword])) this.#tell(`${where} has another ${keyword}`);
    }
  }

  #compareMembers(where: string, was: JsonObject, is: JsonObject, direction: Direction): void {
    const [before, after] = [was.properties ?? {}, is.properties ?? {}] as [JsonObject, JsonObject];
    for (const [name, schema] of Object.entries(before)) {
      if (name in after) this.compare(`${where}.${name}`, schema, after[name], direction);
      else this.#tell(`${where}.${name} is gone`);
    }
    const [wasRequired, isRequired] = [was.required ?? [], is.required ?? []] as [string[], string[]];
    const changed =
      direction === "request" ? missingIn(isRequired, wasRequired) : missingIn(wasRequired, isRequired);
    for (const name of changed)
      this.#tell(`${where}.${name} ${direction === "request" ? "is required" : "may be left out"}`);
  }

  #compareVariants(where: string, was: JsonObject, is: JsonObject, direction: Direction): void {
    for (const kind of ["oneOf", "anyOf"]) {
      const [before, after] = [variantsOf(was[kind]), variantsOf(is[kind])];
      const [inner, outer] = direction === "request" ? [before, after] : [after, before];
      if (!isWithin([...inner.keys()], [...outer.keys()]) || isLost([...before.keys()], [...after.keys()]))
        this.#tell(`${where} has other variants: ${[...after.keys()].join(", ") || "any"}`);
      for (const [name, variant] of before) {
        if (after.has(name)) this.compare(`${where} ${name}`, variant, after.get(name), direction);
      }
    }
  }

  #compareDiscriminators(where: string, was: Schema, is: Schema): void {
    if (!isObject(was)) return;
    const { propertyName, mapping = {} } = isObject(is) ? is : {};
    if (propertyName !== was.propertyName)
      this.#tell(`${where} is told apart by ${propertyName ?? "nothing"}, not ${was.propertyName}`);
    for (const [word, variant] of Object.entries((was.mapping ?? {}) as JsonObject)) {
      if ((mapping as JsonObject)[word] !== variant) this.#tell(`${where}: ${word} is another variant`);
    }
  }
}

export function missingIn<T>(wanted: readonly T[], there: readonly T[]): T[] {
  return wanted.filter((each) => !there.includes(each));
}

/** As a schema that is left out, and `true`, have it. */
function isFree(schema: Schema): boolean {
  return schema === undefined || schema === true;
}

/** None stands for any. */
function isWithin(inner: readonly Json[], outer: readonly Json[]): boolean {
  return outer.length === 0 || (inner.length > 0 && missingIn(inner, outer).length === 0);
}

/** A request may say more, but what generators made a type of stays one. */
function isLost(was: readonly Json[], is: readonly Json[]): boolean {
  return was.length > 0 && is.length === 0;
}

/** None where any will do. */
function typesOf({ type }: JsonObject): Json[] {
  return type === undefined ? [] : ([type].flat() as Json[]);
}

function wordsOf({ enum: words }: JsonObject): Json[] {
  return Array.isArray(words) ? [...words] : [];
}

/** By the name of each, or all of it where it has none. */
function variantsOf(variants: Json | undefined): Map<string, JsonObject> {
  const nameOf = (each: JsonObject) => String(each.$ref ?? JSON.stringify(each)).replace(/^#.*\//, "");
  return new Map(((variants ?? []) as JsonObject[]).map((each) => [nameOf(each), each]));
}

function isNarrowed(was: JsonObject, is: JsonObject): boolean {
  const isHigher = (name: string) => Number(is[name] ?? -Infinity) > Number(was[name] ?? -Infinity);
  const isLower = (name: string) => Number(is[name] ?? Infinity) < Number(was[name] ?? Infinity);
  if (lowerBounds.some(isHigher) || upperBounds.some(isLower)) return true;
  return forms.some((name) => is[name] !== undefined && is[name] !== was[name]);
}
