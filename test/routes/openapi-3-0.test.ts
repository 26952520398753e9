// The OpenAPI document in the words of 3.0: what 3.1 says otherwise is said as 3.0 does, and nothing that 3.0 does not know
// is left.

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { inOpenapi30 } from "../../src/routes/operations/openapi-3-0.ts";

const info = { title: "t", version: "1", license: { name: "Apache-2.0", identifier: "Apache-2.0" } };

function schemaIn30(schema: object): unknown {
  const document = inOpenapi30({ openapi: "3.1.0", info, components: { schemas: { One: schema } } });
  return (document as { components: { schemas: { One: unknown } } }).components.schemas.One;
}

test("a type that may be null is nullable", () => {
  expect(schemaIn30({ type: ["string", "null"], enum: ["a", null] })).toEqual({
    ...{ type: "string", nullable: true, enum: ["a", null] },
  });
});

test("a named schema or null is nullable, and that schema", () => {
  const named = { $ref: "#/components/schemas/Two" };
  expect(schemaIn30({ anyOf: [named, { type: "null" }] })).toEqual({
    ...{ type: "object", nullable: true, allOf: [named] },
  });
});

test("a schema has one example, and a property that is called so stays a schema", () => {
  const schema = { type: "object", properties: { examples: { type: "string", examples: ["a", "b"] } } };
  expect(schemaIn30(schema)).toEqual({
    ...{ type: "object", properties: { examples: { type: "string", example: "a" } } },
  });
});

test("types that 3.0 cannot say are an error, and not another type", () => {
  expect(() => schemaIn30({ type: ["string", "integer"] })).toThrow("3.0 has no words");
});

test("the licence has an address in place of its identifier", () => {
  expect(inOpenapi30({ info })).toMatchObject({
    info: { license: { name: "Apache-2.0", url: "https://spdx.org/licenses/Apache-2.0.html" } },
  });
});

test("nothing that 3.0 does not know is left of our document", () => {
  const file = new URL("../../openapi/openapi.json", import.meta.url);
  const text = JSON.stringify(inOpenapi30(JSON.parse(readFileSync(file, "utf8"))));
  for (const unknown of ['"type":[', '"type":"null"', '"const":', '"contentSchema":', '"identifier":'])
    expect(text).not.toContain(unknown);
  expect(text).toContain('"nullable":true');
});
