// Schemas in the words that every generator of clients understands: whole numbers with their width, words to choose from
// as an enum, and null as one of the types. What they allow stays the same.

import { isObject, type Json, type JsonObject, mapObjects } from "./json-walk.ts";

export function plainly(document: Json): Json {
  return mapObjects(document, (schema) => withWidth(withWords(withNull(withConst(withBounds(schema))))));
}

/** Without a format, generators take 32 bits, and a zxid or a time becomes another number without a word. */
function withWidth(schema: JsonObject): JsonObject {
  const { type, minimum, maximum } = schema;
  const isInteger = type === "integer" || (Array.isArray(type) && type.includes("integer"));
  if (!isInteger || "format" in schema) return schema;
  const isNarrow = Number(minimum ?? Number.NaN) >= -(2 ** 31) && Number(maximum ?? Number.NaN) < 2 ** 31;
  return { ...schema, format: isNarrow ? "int32" : "int64" };
}

/** What is judged by code, and told as a schema all the same. */
function withBounds(schema: JsonObject): JsonObject {
  const { "x-bounds": bounds, ...rest } = schema;
  return isObject(bounds) ? { ...rest, ...bounds } : schema;
}

function withConst(schema: JsonObject): JsonObject {
  const { const: value, ...rest } = schema;
  return typeof value === "string" && rest.type === "string" ? { ...rest, enum: [value] } : schema;
}

/** Alternatives that are a word each are one enum. */
function withWords(schema: JsonObject): JsonObject {
  const { anyOf, ...rest } = schema;
  if (Array.isArray(rest.enum) && !("type" in rest)) return { type: "string", ...schema };
  if (!Array.isArray(anyOf) || anyOf.length === 0) return schema;
  const words = anyOf.map((one: Json) =>
    isObject(one) && Array.isArray(one.enum) && Object.keys(one).length === 2 ? one.enum : null,
  );
  return words.includes(null) ? schema : { ...rest, type: "string", enum: words.flat() as Json[] };
}

/** `[string, "null"]`; what has a name, or members, stays an alternative to null. */
function withNull(schema: JsonObject): JsonObject {
  const { anyOf, ...rest } = schema;
  if (!Array.isArray(anyOf) || anyOf.length !== 2) return schema;
  const [other, none] = anyOf as [Json, Json];
  const isSimple = isObject(other) && typeof other.type === "string" && !("title" in other);
  if (!isSimple || !isObject(none) || none.type !== "null") return schema;
  const { type, enum: words, ...members } = other;
  return {
    ...members,
    ...rest,
    type: [type as string, "null"],
    ...(Array.isArray(words) && { enum: [...words, null] }),
  };
}
