// A schema with a title stands in the document once, under that name, and is referred to everywhere else. Generators make a
// type of each name; what has none they name themselves, and differently after each change.

import { isEqual, isObject, type Json, type JsonObject, mapObjects } from "./json-walk.ts";

interface Parts {
  readonly paths: Json;
  readonly schemas: Readonly<Record<string, JsonObject>>;
}

const schemasUrl = "#/components/schemas/";

/** @throws Error when two schemas have one name, which is a fault of ours */
export function namesEverything({ paths, schemas }: Parts): Parts {
  const named = new Map<string, JsonObject>();
  const hoist = (object: JsonObject): Json => {
    const { title, ...schema } = withMapping(withMediaExample(object), named);
    if (typeof title !== "string") return title === undefined ? schema : { ...schema, title };
    add(named, title, schema);
    return { $ref: schemasUrl + title };
  };
  for (const [name, schema] of Object.entries(schemas)) {
    const { title: _, ...own } = schema;
    add(named, name, mapObjects(own, hoist) as JsonObject);
  }
  const namedPaths = mapObjects(paths, hoist);
  return { paths: namedPaths, schemas: Object.fromEntries(named) };
}

function add(named: Map<string, JsonObject>, name: string, schema: JsonObject): void {
  const known = named.get(name);
  if (known !== undefined && !isEqual(known, schema)) {
    throw new Error(`two schemas are called ${name}: ${JSON.stringify(known)} and ${JSON.stringify(schema)}`);
  }
  named.set(name, schema);
}

/** The example of a body or an answer stands beside its schema, since others may refer to that. */
function withMediaExample(object: JsonObject): JsonObject {
  const { schema } = object;
  if (!isObject(schema) || !("examples" in schema) || "in" in object) return object;
  const { examples, ...rest } = schema;
  return { ...object, schema: rest, example: object.example ?? (examples as Json[])[0] ?? null };
}

/** Which schema is meant by which word: the names are known here. */
function withMapping(object: JsonObject, named: ReadonlyMap<string, JsonObject>): JsonObject {
  const { discriminator, oneOf } = object;
  if (!isObject(discriminator) || !Array.isArray(oneOf)) return object;
  const property = String(discriminator.propertyName);
  const entries = (oneOf as readonly JsonObject[]).flatMap(({ $ref }) => {
    const { properties } = named.get(String($ref).slice(schemasUrl.length)) ?? {};
    const words = ((properties as JsonObject)[property] as JsonObject).enum as readonly string[];
    return words.map((word) => [word, $ref]);
  });
  return { ...object, discriminator: { ...discriminator, mapping: Object.fromEntries(entries) } };
}
