// A change of a schema in the OpenAPI document is seen where it breaks clients, and only there.

import { describe, expect, test } from "vitest";
import { brokenBy, type Edit, ref, type SeededEdit } from "../support/edited-document.ts";

const ofSchemas = (schemas: Edit): Edit => ({ components: { schemas } });
/** Of a member of what is answered. */
const ofThing = (properties: Edit): Edit => ofSchemas({ Thing: { properties } });
/** Of a member of what is sent. */
const ofNewThing = (properties: Edit): Edit => ofSchemas({ NewThing: { properties } });
const ofListSchema = (schema: Edit): Edit => ({
  paths: { "/things": { get: { responses: { 200: { content: { "application/json": { schema } } } } } } },
});

const answers: Record<string, SeededEdit> = {
  "a member is removed": { edit: ofThing({ note: null }), breaks: ["get /things: 200[].note is gone"] },
  "a member may be left out": {
    edit: ofSchemas({ Thing: { required: [] } }),
    breaks: ["get /things: 200[].size may be left out"],
  },
  "a member has another type": {
    edit: ofThing({ note: { type: "integer" } }),
    breaks: ["get /things: 200[].note has other types: integer"],
  },
  "a member has any type": {
    edit: ofThing({ note: { type: null } }),
    breaks: ["get /things: 200[].note has other types: any"],
  },
  "a member may be null": {
    edit: ofThing({ note: { type: ["string", "null"] } }),
    breaks: ["get /things: 200[].note has other types: string, null"],
  },
  "a whole number is wider": {
    edit: ofThing({ size: { format: "int64" } }),
    breaks: ["get /things: 200[].size has another format"],
  },
  "a word is added": {
    edit: ofThing({ state: { enum: ["up", "down", "away"] } }),
    breaks: ["get /things: 200[].state has other words: up, down, away"],
  },
  "a word is removed": { edit: ofThing({ state: { enum: ["up"] } }), breaks: [] },
  "a bound is wider": {
    edit: ofThing({ size: { minimum: -1 } }),
    breaks: ["get /things: 200[].size has wider bounds"],
  },
  "a bound is narrower": { edit: ofThing({ size: { maximum: 5 } }), breaks: [] },
  "a member is added": { edit: ofThing({ more: { type: "string" } }), breaks: [] },
  "a member is always there": { edit: ofSchemas({ Thing: { required: ["size", "note"] } }), breaks: [] },
  "the schema has another name": {
    edit: { ...ofListSchema({ items: ref("Item") }), ...ofSchemas({ Item: { type: "object" } }) },
    breaks: [
      "get /things: 200[] has a type of another name",
      ...["size", "note", "state", "labels", "owner"].map((each) => `get /things: 200[].${each} is gone`),
      "get /things: 200[].size may be left out",
    ],
  },
  "items have no schema any more": {
    edit: ofListSchema({ items: null }),
    breaks: ["get /things: 200[] has no schema any more"],
  },
  "a map has no schema any more": {
    edit: ofThing({ labels: { additionalProperties: null } }),
    breaks: ["get /things: 200[].labels.* has no schema any more"],
  },
  "a variant is added": {
    edit: ofThing({ owner: { anyOf: [ref("Added"), ref("Removed"), { type: "null" }] } }),
    breaks: ['get /things: 200[].owner has other variants: Added, Removed, {"type":"null"}'],
  },
  "a variant is removed": { edit: ofThing({ owner: { anyOf: [ref("Added")] } }), breaks: [] },
  "there are no variants any more": {
    edit: ofThing({ owner: { anyOf: null } }),
    breaks: ["get /things: 200[].owner has other variants: any"],
  },
  "a keyword that the comparison does not know is added": {
    edit: ofThing({ note: { contentEncoding: "base64" } }),
    breaks: ["get /things: 200[].note has another contentEncoding"],
  },
  "a member is described otherwise": {
    edit: ofThing({ note: { description: "What to know.", example: "a", default: "b", "x-limit": "c" } }),
    breaks: [],
  },
};

const requests: Record<string, SeededEdit> = {
  "a member is removed": {
    edit: ofNewThing({ note: null }),
    breaks: ["post /things: the body.note is gone"],
  },
  "a member becomes required": {
    edit: ofSchemas({ NewThing: { required: ["note"] } }),
    breaks: ["post /things: the body.note is required"],
  },
  "a member may be left out": { edit: ofSchemas({ Push: { required: [] } }), breaks: [] },
  "an optional member is added": { edit: ofNewThing({ extra: { type: "string" } }), breaks: [] },
  "a member may be null": { edit: ofNewThing({ note: { type: ["string", "null"] } }), breaks: [] },
  "a member has another type": {
    edit: ofNewThing({ note: { type: "integer" } }),
    breaks: ["post /things: the body.note has other types: integer"],
  },
  "a member has any type": {
    edit: ofNewThing({ note: { type: null } }),
    breaks: ["post /things: the body.note has other types: any"],
  },
  "a member has words to choose from": {
    edit: ofNewThing({ note: { enum: ["a", "b"] } }),
    breaks: ["post /things: the body.note has other words: a, b"],
  },
  "a member has another default": {
    edit: ofNewThing({ note: { default: "other" } }),
    breaks: ["post /things: the body.note has another default"],
  },
  "items have no schema any more": {
    edit: ofNewThing({ tags: { items: null } }),
    breaks: ["post /things: the body.tags[] has no schema any more"],
  },
  "a map is closed": {
    edit: ofNewThing({ labels: { additionalProperties: false } }),
    breaks: ["post /things: the body.labels.* may not be"],
  },
  "a map has no schema any more": {
    edit: ofNewThing({ labels: { additionalProperties: true } }),
    breaks: ["post /things: the body.labels.* has no schema any more"],
  },
  "an open object is closed": {
    edit: ofNewThing({ more: { additionalProperties: false } }),
    breaks: ["post /things: the body.more.* is not free any more"],
  },
  "an open object takes one type": {
    edit: ofNewThing({ more: { additionalProperties: { type: "string" } } }),
    breaks: ["post /things: the body.more.* is not free any more"],
  },
  "a closed object is opened": { edit: ofNewThing({ closed: { additionalProperties: true } }), breaks: [] },
  "a closed object takes one type": {
    edit: ofNewThing({ closed: { additionalProperties: { type: "string" } } }),
    breaks: [],
  },
  "a variant is removed": {
    edit: ofSchemas({ Deed: { oneOf: [ref("Push")] } }),
    breaks: ["post /deeds: the body has other variants: Push"],
  },
  "there are no variants any more": {
    edit: ofSchemas({ Deed: { oneOf: null } }),
    breaks: ["post /deeds: the body has other variants: any"],
  },
  "words to choose from may be any": {
    edit: ofSchemas({ Push: { properties: { op: { enum: null } } } }),
    breaks: [],
  },
  "a variant is added": {
    edit: ofSchemas({
      Deed: {
        oneOf: [ref("Push"), ref("Pull"), ref("Line")],
        discriminator: { mapping: { line: "#/components/schemas/Line" } },
      },
    }),
    breaks: [],
  },
  "a variant has a word less": {
    edit: ofSchemas({ Pull: { properties: { op: { enum: ["draw"] } } } }),
    breaks: ["post /deeds: the body Pull.op has other words: draw"],
  },
  "variants are told apart by another member": {
    edit: ofSchemas({ Deed: { discriminator: { propertyName: "kind" } } }),
    breaks: ["post /deeds: the body is told apart by kind, not op"],
  },
  "a word stands for another variant": {
    edit: ofSchemas({ Deed: { discriminator: { mapping: { push: "#/components/schemas/Pull" } } } }),
    breaks: ["post /deeds: the body: push is another variant"],
  },
  "a word stands for no variant": {
    edit: ofSchemas({ Deed: { discriminator: { mapping: { push: null } } } }),
    breaks: ["post /deeds: the body: push is another variant"],
  },
  "variants are not told apart": {
    edit: ofSchemas({ Deed: { discriminator: null } }),
    breaks: [
      "post /deeds: the body is told apart by nothing, not op",
      "post /deeds: the body: push is another variant",
      "post /deeds: the body: pull is another variant",
    ],
  },
};

describe.for(Object.entries({ "of answers": answers, "of requests": requests }))("%s", ([, edits]) => {
  test.for(Object.entries(edits))("%s", ([, { edit, breaks }]) => {
    expect(brokenBy(edit)).toEqual(breaks);
  });
});

describe("bounds of requests", () => {
  /** A member, one of its bounds, and a value of that on either side of what it is. */
  const bounds: [member: string, bound: string, narrower: number | string, wider: number | null][] = [
    ["size", "minimum", 1, -1],
    ["size", "maximum", 8, 10],
    ["weight", "exclusiveMinimum", 1, -1],
    ["weight", "exclusiveMaximum", 8, 10],
    ["weight", "multipleOf", 1, null],
    ["note", "minLength", 3, 1],
    ["note", "maxLength", 10, 30],
    ["note", "pattern", "^[a-f]+$", null],
    ["tags", "minItems", 2, 0],
    ["tags", "maxItems", 4, 6],
    ["labels", "minProperties", 2, 0],
    ["labels", "maxProperties", 4, 6],
  ];

  test.for(bounds)("%s has a narrower %s", ([member, bound, narrower]) => {
    const breaks = [`post /things: the body.${member} has narrower bounds`];
    expect(brokenBy(ofNewThing({ [member]: { [bound]: narrower } }))).toEqual(breaks);
  });

  test.for(bounds)("%s has a wider %s", ([member, bound, , wider]) => {
    expect(brokenBy(ofNewThing({ [member]: { [bound]: wider } }))).toEqual([]);
    expect(brokenBy(ofNewThing({ [member]: { [bound]: null } }))).toEqual([]);
  });

  test("one is added", () => {
    const breaks = ["post /things: the body.more has narrower bounds"];
    expect(brokenBy(ofNewThing({ more: { maxProperties: 3 } }))).toEqual(breaks);
  });
});
