// JSON as the OpenAPI document consists of it, and a walk through it that leaves alone what is shown as an example.

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;

export interface JsonObject {
  readonly [member: string]: Json;
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** What stands below these is a value, not a part of the document. */
const values = new Set(["example", "examples", "default", "enum", "const"]);

/** Each object of the value, the innermost first, replaced by what `map` makes of it. */
export function mapObjects(value: Json, map: (object: JsonObject) => Json): Json {
  if (Array.isArray(value)) return value.map((item) => mapObjects(item, map));
  if (!isObject(value)) return value;
  const members = Object.entries(value).map(([name, member]) => [
    name,
    // Where a property of a schema has such a name, it is a schema.
    values.has(name) && !isSchemaOf(member) ? member : mapObjects(member, map),
  ]);
  return map(Object.fromEntries(members) as JsonObject);
}

function isSchemaOf(member: Json | undefined): boolean {
  return isObject(member) && (typeof member.type === "string" || typeof member.$ref === "string");
}

export function isEqual(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
