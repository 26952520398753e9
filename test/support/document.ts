// The committed OpenAPI document as it stands in its file, and ways through it for tests of the document itself.

import { readFileSync } from "node:fs";

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;

export interface JsonObject {
  readonly [member: string]: Json;
}

export interface Document extends JsonObject {
  readonly info: JsonObject & { readonly version: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, JsonObject>>>>;
  readonly components: Readonly<Record<string, Readonly<Record<string, JsonObject>>>>;
}

export function readDocumentFile(name = "openapi.json"): Document {
  return JSON.parse(readFileSync(new URL(`../../openapi/${name}`, import.meta.url), "utf8")) as Document;
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export interface Place {
  /** From the root of the document, each member by its name. */
  readonly at: readonly string[];
  readonly object: JsonObject;
}

/** Each object in the document but for those within examples, and where it stands. */
export function* placesIn(value: Json, at: readonly string[] = []): Generator<Place> {
  if (isObject(value)) yield { at, object: value };
  if (typeof value !== "object" || value === null) return;
  for (const [name, member] of Object.entries(value)) {
    const isSchemaOfThatName = at.at(-1) === "properties";
    if ((name === "example" || name === "examples") && !isSchemaOfThatName) continue;
    yield* placesIn(member, [...at, name]);
  }
}

/** What a reference stands for; anything else as it is. */
export function resolvedIn(document: Document, part: JsonObject): JsonObject {
  const [, kind = "", name = ""] = /^#\/components\/(\w+)\/(.+)$/.exec(String(part.$ref)) ?? [];
  return document.components[kind]?.[name] ?? part;
}

export interface NamedOperation {
  /** The method, in small letters, and the path. */
  readonly name: string;
  readonly method: string;
  readonly path: string;
  readonly operation: JsonObject;
}

export function operationsIn({ paths }: Document): NamedOperation[] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      name: `${method} ${path}`,
      method,
      path,
      operation,
    })),
  );
}

/** Its answers by status, shared ones as they are. */
export function answersOf(document: Document, { operation }: NamedOperation): [string, JsonObject][] {
  return Object.entries(operation.responses as Readonly<Record<string, JsonObject>>).map(
    ([status, answer]) => [status, resolvedIn(document, answer)],
  );
}
