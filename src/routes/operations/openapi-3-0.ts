// The OpenAPI document in the words of OpenAPI 3.0, for tools that know no other. It says the same but for what 3.0 has no
// words for: null beside a named schema, and which schema the events of a stream have.

import { isObject, type Json, type JsonObject, mapObjects } from "./json-walk.ts";

/** @param document as it is served, in OpenAPI 3.1 */
export function inOpenapi30(document: object): object {
  const { info, ...rest } = mapObjects(document as Json, inWordsOf30) as JsonObject;
  return { ...rest, openapi: "3.0.3", info: infoOf(info as JsonObject) };
}

/** 3.0 names a licence by its address. */
function infoOf({ license, ...info }: JsonObject): JsonObject {
  const { identifier, ...rest } = license as JsonObject;
  const url = identifier === undefined ? {} : { url: `https://spdx.org/licenses/${String(identifier)}.html` };
  return { ...info, license: { ...rest, ...url } };
}

function inWordsOf30(object: JsonObject): JsonObject {
  const { contentSchema: _, ...rest } = object;
  return withExample(withoutNullAlternative(withNullable(rest)));
}

/** `[string, "null"]` is a string that is nullable. */
function withNullable(schema: JsonObject): JsonObject {
  const { type } = schema;
  if (!Array.isArray(type)) return schema;
  const [other, ...more] = type.filter((one) => one !== "null");
  if (other === undefined || more.length > 0) throw new Error(`3.0 has no words for ${JSON.stringify(type)}`);
  return { ...schema, type: other, ...(type.includes("null") && { nullable: true }) };
}

/** A named schema or null: 3.0 says it of what is that schema as well. Only objects have a name and may be null. */
function withoutNullAlternative(schema: JsonObject): JsonObject {
  const { anyOf, ...rest } = schema;
  if (!Array.isArray(anyOf) || !anyOf.some(isNull)) return schema;
  const others = anyOf.filter((one) => !isNull(one)) as Json[];
  if (others.length > 1) throw new Error(`3.0 has no words for ${JSON.stringify(anyOf)}`);
  return { ...rest, type: "object", nullable: true, allOf: others };
}

function isNull(schema: Json): boolean {
  return isObject(schema) && schema.type === "null";
}

/** A schema has one example there; those of parameters and of media have the same words in both. */
function withExample(schema: JsonObject): JsonObject {
  const { examples, ...rest } = schema;
  return Array.isArray(examples) ? { ...rest, example: (examples as Json[])[0] ?? null } : schema;
}
