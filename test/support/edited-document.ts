// A small OpenAPI document with something of each kind, and edits of it: what an edit breaks is asked of the comparison.

import { isDeepStrictEqual } from "node:util";
import { type Document, isObject, type Json, type JsonObject } from "./document.ts";
import { breakingChanges } from "./document-changes.ts";

/** As in RFC 7396: members are set, null removes, and a list is replaced. */
export type Edit = JsonObject;

export interface SeededEdit {
  readonly edit: Edit;
  /** Nothing where it only adds. */
  readonly breaks: readonly string[];
}

export function brokenBy(edit: Edit): string[] {
  const after = edited(smallDocument, edit);
  if (isDeepStrictEqual(after, smallDocument)) throw new Error("the edit changes nothing");
  return breakingChanges(smallDocument as unknown as Document, after as Document);
}

function edited(target: Json | undefined, edit: Json): Json {
  if (!isObject(edit)) return edit;
  const result = new Map<string, Json>(isObject(target) ? Object.entries(target) : []);
  for (const [name, value] of Object.entries(edit)) {
    if (value === null) result.delete(name);
    else result.set(name, edited(result.get(name), value));
  }
  return Object.fromEntries(result);
}

export function ref(name: string): { readonly $ref: string } {
  return { $ref: `#/components/schemas/${name}` };
}

/** An array in a query. */
export const kinds = {
  name: "kind",
  in: "query",
  schema: { type: "array", items: { type: "string", enum: ["a", "b"] } },
};

const smallDocument = {
  info: { version: "0.1.0" },
  servers: [{ url: "/" }],
  security: [{}, { Token: [] }],
  paths: {
    "/things": {
      get: {
        operationId: "listThings",
        tags: ["things"],
        parameters: [kinds],
        responses: {
          200: {
            headers: { Count: { $ref: "#/components/headers/Count" } },
            content: { "application/json": { schema: { type: "array", items: ref("Thing") } } },
          },
          404: { content: { "application/problem+json": { schema: ref("Problem") } } },
        },
      },
      post: {
        operationId: "addThing",
        requestBody: { content: { "application/json": { schema: ref("NewThing") } } },
        responses: { 204: {} },
      },
    },
    "/deeds": {
      post: {
        operationId: "doDeed",
        requestBody: { required: true, content: { "application/json": { schema: ref("Deed") } } },
        responses: { 204: {} },
      },
    },
    "/events": {
      get: {
        operationId: "watchThings",
        responses: {
          200: {
            content: {
              "text/event-stream": {
                schema: { type: "string", contentSchema: { anyOf: [ref("Added"), ref("Removed")] } },
                "x-events": { added: ref("Added"), removed: ref("Removed") },
              },
            },
          },
        },
      },
    },
    "/lines": {
      get: {
        operationId: "exportThings",
        responses: {
          200: {
            content: { "application/octet-stream": { schema: { type: "string" }, "x-line": ref("Line") } },
          },
        },
      },
    },
  },
  components: {
    headers: { Count: { required: true, schema: { type: "integer", format: "int32" } } },
    securitySchemes: { Token: { type: "apiKey", in: "header", name: "Token", description: "Who asks." } },
    schemas: {
      Thing: {
        type: "object",
        required: ["size"],
        properties: {
          size: { type: "integer", format: "int32", minimum: 0, maximum: 9 },
          note: { type: "string" },
          state: { type: "string", enum: ["up", "down"] },
          labels: { type: "object", additionalProperties: { type: "string" } },
          owner: { anyOf: [ref("Added"), ref("Removed")] },
        },
      },
      NewThing: {
        type: "object",
        properties: {
          note: { type: "string", minLength: 2, maxLength: 20, pattern: "^[a-z]+$", default: "none" },
          size: { type: "integer", minimum: 0, maximum: 9 },
          weight: { type: "number", exclusiveMinimum: 0, exclusiveMaximum: 9, multipleOf: 0.5 },
          tags: { type: "array", items: { type: "string" }, minItems: 1, maxItems: 5 },
          labels: {
            type: "object",
            additionalProperties: { type: "string" },
            minProperties: 1,
            maxProperties: 5,
          },
          more: { type: "object" },
          closed: { type: "object", additionalProperties: false },
        },
      },
      Deed: {
        oneOf: [ref("Push"), ref("Pull")],
        discriminator: {
          propertyName: "op",
          mapping: { push: "#/components/schemas/Push", pull: "#/components/schemas/Pull" },
        },
      },
      Push: { type: "object", required: ["op"], properties: { op: { type: "string", enum: ["push"] } } },
      Pull: { type: "object", required: ["op"], properties: { op: { type: "string", enum: ["pull"] } } },
      Added: { type: "object", properties: { path: { type: "string" } } },
      Removed: { type: "object", properties: { path: { type: "string" } } },
      Line: { type: "object", properties: { path: { type: "string" } } },
      Problem: { type: "object", properties: { code: { type: "string" } } },
    },
  },
};
