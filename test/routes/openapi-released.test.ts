// What breaks clients that were made from the last released document is refused, until the version says that it does. That
// document is openapi/released.json. With a release it is written anew: npm run openapi:release

import { copyFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import manifest from "../../package.json" with { type: "json" };
import { type Document, readDocumentFile } from "../support/document.ts";
import { breakingChanges } from "../support/document-changes.ts";

const released = readDocumentFile("released.json");

/** Versions of one contract differ behind the first number that is not 0, as npm's `^` has it. */
function contractOf(version: string): string {
  const [major = "", minor = ""] = version.split(".");
  return major === "0" ? `0.${minor}` : major;
}

test("no change breaks a client of the released document, unless the version says so", () => {
  const isAnnounced = contractOf(manifest.version) !== contractOf(released.info.version);
  const changes = isAnnounced ? [] : breakingChanges(released, readDocumentFile());
  const advice = `clients of ${released.info.version} break: take the change back, or raise the version in package.json to one that says so`;
  expect(changes, advice).toEqual([]);
  if (process.env.RELEASE_OPENAPI !== "1") return;
  const fileOf = (name: string) => fileURLToPath(new URL(`../../openapi/${name}`, import.meta.url));
  copyFileSync(fileOf("openapi.json"), fileOf("released.json"));
});

test("the released document is of this version or an earlier one", () => {
  const numbers = (version: string) => version.split(".").map(Number);
  const [now, then] = [numbers(manifest.version), numbers(released.info.version)];
  const first = now.findIndex((number, index) => number !== then[index]);
  expect(first === -1 || Number(now[first]) > Number(then[first])).toBe(true);
});

/** Edits of a document, and what each breaks; nothing where it only adds. */
const edits: Record<string, { readonly edit: (document: Draft) => void; readonly breaks: string[] }> = {
  "an operation is removed": {
    edit: ({ paths }) => delete paths["/things"]?.get,
    breaks: ["get /things is gone"],
  },
  "an operation has another id": {
    edit: ({ paths }) => Object.assign(paths["/things"]?.get ?? {}, { operationId: "allThings" }),
    breaks: ["get /things is called allThings, not listThings"],
  },
  "a parameter is removed": {
    edit: ({ paths }) => Object.assign(paths["/things"]?.get ?? {}, { parameters: [] }),
    breaks: ["get /things: the parameter query kind is gone"],
  },
  "a parameter becomes required": {
    edit: ({ paths }) => Object.assign(paths["/things"]?.get?.parameters[0] ?? {}, { required: true }),
    breaks: ["get /things: the parameter query kind is required"],
  },
  "a parameter has a word less": {
    edit: ({ paths }) => Object.assign(paths["/things"]?.get?.parameters[0]?.schema ?? {}, { enum: ["a"] }),
    breaks: ["get /things: query kind has other words: a"],
  },
  "a parameter has a word more": {
    edit: ({ paths }) =>
      Object.assign(paths["/things"]?.get?.parameters[0]?.schema ?? {}, { enum: ["a", "b", "c"] }),
    breaks: [],
  },
  "an optional parameter is added": {
    edit: ({ paths }) =>
      paths["/things"]?.get?.parameters.push({ name: "new", in: "query", schema: { type: "string" } }),
    breaks: [],
  },
  "a member of an answer is removed": {
    edit: ({ components }) => delete components.schemas.Thing?.properties?.note,
    breaks: ["get /things: 200[].note is gone"],
  },
  "a member of an answer may be left out": {
    edit: ({ components }) => Object.assign(components.schemas.Thing ?? {}, { required: [] }),
    breaks: ["get /things: 200[].size may be left out"],
  },
  "a member of an answer has another type": {
    edit: ({ components }) =>
      Object.assign(components.schemas.Thing?.properties?.size ?? {}, { type: "string" }),
    breaks: ["get /things: 200[].size has other types: string"],
  },
  "a member of an answer may be null": {
    edit: ({ components }) =>
      Object.assign(components.schemas.Thing?.properties?.size ?? {}, { type: ["integer", "null"] }),
    breaks: ["get /things: 200[].size has other types: integer, null"],
  },
  "a whole number of an answer is wider": {
    edit: ({ components }) =>
      Object.assign(components.schemas.Thing?.properties?.size ?? {}, { format: "int64" }),
    breaks: ["get /things: 200[].size has another format"],
  },
  "a word is added to those of an answer": {
    edit: ({ components }) =>
      Object.assign(components.schemas.Thing?.properties?.state ?? {}, { enum: ["up", "down", "away"] }),
    breaks: ["get /things: 200[].state has other words: up, down, away"],
  },
  "a member is added to an answer": {
    edit: ({ components }) =>
      Object.assign(components.schemas.Thing?.properties ?? {}, { more: { type: "string" } }),
    breaks: [],
  },
  "a member of a body becomes required": {
    edit: ({ components }) => Object.assign(components.schemas.NewThing ?? {}, { required: ["note"] }),
    breaks: ["post /things: the body.note is required"],
  },
  "a member of a body has a lower bound": {
    edit: ({ components }) =>
      Object.assign(components.schemas.NewThing?.properties?.note ?? {}, { maxLength: 10 }),
    breaks: ["post /things: the body.note has narrower bounds"],
  },
  "a body becomes required": {
    edit: ({ paths }) => Object.assign(paths["/things"]?.post?.requestBody ?? {}, { required: true }),
    breaks: ["post /things: a body is required"],
  },
  "an answer has another media type": {
    edit: ({ paths }) => Object.assign(paths["/things"]?.get?.responses["200"] ?? {}, { content: {} }),
    breaks: ["get /things: 200 is not application/json any more"],
  },
  "success has another status": {
    edit: ({ paths }) => Object.assign(paths["/things"]?.get?.responses ?? {}, { 206: { description: "" } }),
    breaks: ["get /things: it may answer 206"],
  },
  "a refusal has another status": {
    edit: ({ paths }) => Object.assign(paths["/things"]?.get?.responses ?? {}, { 404: { description: "" } }),
    breaks: [],
  },
  "a schema has another name": {
    edit: (document) => {
      document.components.schemas.Item = document.components.schemas.Thing ?? {};
      const { content } = document.paths["/things"]?.get?.responses["200"] ?? {};
      Object.assign(content?.["application/json"]?.schema ?? {}, {
        items: { $ref: "#/components/schemas/Item" },
      });
    },
    breaks: ["get /things: 200[] has a type of another name"],
  },
};

interface DraftSchema {
  properties?: Record<string, object>;
}

interface DraftOperation {
  parameters: { schema: object; [member: string]: unknown }[];
  requestBody: object;
  responses: Record<string, { content?: Record<string, { schema: object }> }>;
}

interface Draft {
  paths: Record<string, Record<string, DraftOperation>>;
  components: { schemas: Record<string, DraftSchema> };
}

const base = {
  info: { version: "0.1.0" },
  paths: {
    "/things": {
      get: {
        operationId: "listThings",
        parameters: [{ name: "kind", in: "query", schema: { type: "string", enum: ["a", "b"] } }],
        responses: {
          200: {
            content: {
              "application/json": {
                schema: { type: "array", items: { $ref: "#/components/schemas/Thing" } },
              },
            },
          },
        },
      },
      post: {
        operationId: "addThing",
        requestBody: {
          required: false,
          content: { "application/json": { schema: { $ref: "#/components/schemas/NewThing" } } },
        },
        responses: { 204: {} },
      },
    },
  },
  components: {
    schemas: {
      Thing: {
        type: "object",
        required: ["size"],
        properties: {
          size: { type: "integer", format: "int32" },
          note: { type: "string" },
          state: { type: "string", enum: ["up", "down"] },
        },
      },
      NewThing: { type: "object", properties: { note: { type: "string", maxLength: 20 } } },
    },
  },
};

describe("what a client made from the document would miss", () => {
  test.for(Object.entries(edits))("%s", ([, { edit, breaks }]) => {
    const edited = structuredClone(base);
    edit(edited as unknown as Draft);
    expect(breakingChanges(base as unknown as Document, edited as unknown as Document)).toEqual(breaks);
  });
});
