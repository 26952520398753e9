// A change of the OpenAPI document around its schemas is seen where it breaks clients, and only there.

import { describe, expect, test } from "vitest";
import { brokenBy, type Edit, kinds, ref, type SeededEdit } from "../support/edited-document.ts";

const ofList = (get: Edit): Edit => ({ paths: { "/things": { get } } });
const ofAdd = (post: Edit): Edit => ({ paths: { "/things": { post } } });
const ofAddBody = (json: Edit): Edit => ofAdd({ requestBody: { content: { "application/json": json } } });
const ofListAnswer = (answer: Edit): Edit => ofList({ responses: { 200: answer } });
const ofEvents = (stream: Edit): Edit => ({
  paths: { "/events": { get: { responses: { 200: { content: { "text/event-stream": stream } } } } } },
});
const ofLines = (stream: Edit): Edit => ({
  paths: { "/lines": { get: { responses: { 200: { content: { "application/octet-stream": stream } } } } } },
});

const operations: Record<string, SeededEdit> = {
  "one is removed": { edit: { paths: { "/things": { get: null } } }, breaks: ["get /things is gone"] },
  "one is added": { edit: { paths: { "/things": { delete: { responses: { 204: {} } } } } }, breaks: [] },
  "one has another id": {
    edit: ofList({ operationId: "allThings" }),
    breaks: ["get /things is called allThings, not listThings"],
  },
  "one has another tag": {
    edit: ofList({ tags: ["items"] }),
    breaks: ["get /things is of the tag items, not things"],
  },
};

const serversAndSecurity: Record<string, SeededEdit> = {
  "the server moves": {
    edit: { servers: [{ url: "/api" }] },
    breaks: ["the document is of /api, not /"],
  },
  "the server is not named any more": { edit: { servers: null }, breaks: [] },
  "another server is added": { edit: { servers: [{ url: "/" }, { url: "/api" }] }, breaks: [] },
  "the server of one operation moves": {
    edit: ofList({ servers: [{ url: "/api" }] }),
    breaks: ["get /things is of /api, not /"],
  },
  "credentials become required": {
    edit: ofList({ security: [{ Token: [] }] }),
    breaks: ["get /things asks for other credentials"],
  },
  "credentials become required everywhere": {
    edit: { security: [{ Token: [] }] },
    breaks: ["get /things", "post /things", "post /deeds", "get /events", "get /lines"].map(
      (each) => `${each} asks for other credentials`,
    ),
  },
  "credentials are not asked for any more": { edit: { security: null }, breaks: [] },
  "other credentials are taken as well": { edit: { security: [{}, { Token: [] }, { Key: [] }] }, breaks: [] },
  "credentials are sent elsewhere": {
    edit: { components: { securitySchemes: { Token: { name: "Other" } } } },
    breaks: ["the security scheme Token is another"],
  },
  "credentials are removed": {
    edit: { components: { securitySchemes: { Token: null } } },
    breaks: ["the security scheme Token is another"],
  },
  "credentials are described otherwise": {
    edit: { components: { securitySchemes: { Token: { description: "Whoever asks." } } } },
    breaks: [],
  },
};

const added = { name: "new", in: "query", schema: { type: "string" } };

const parameters: Record<string, SeededEdit> = {
  "one is removed": {
    edit: ofList({ parameters: [] }),
    breaks: ["get /things: the parameter query kind is gone"],
  },
  "one becomes required": {
    edit: ofList({ parameters: [{ ...kinds, required: true }] }),
    breaks: ["get /things: the parameter query kind is required"],
  },
  "an optional one is added": { edit: ofList({ parameters: [kinds, added] }), breaks: [] },
  "a required one is added": {
    edit: ofList({ parameters: [kinds, { ...added, required: true }] }),
    breaks: ["get /things: the parameter query new is required"],
  },
  "one is written in another style": {
    edit: ofList({ parameters: [{ ...kinds, style: "pipeDelimited", explode: true }] }),
    breaks: ["get /things: query kind is written as pipeDelimited, each by itself, not form, each by itself"],
  },
  "the values of one are joined": {
    edit: ofList({ parameters: [{ ...kinds, explode: false }] }),
    breaks: ["get /things: query kind is written as form, in one, not form, each by itself"],
  },
  "the style that one has anyway is named": {
    edit: ofList({ parameters: [{ ...kinds, style: "form", explode: true }] }),
    breaks: [],
  },
  "one has no schema any more": {
    edit: ofList({ parameters: [{ name: "kind", in: "query" }] }),
    breaks: ["get /things: query kind has no schema any more"],
  },
  "one has a word less": {
    edit: ofList({
      parameters: [{ ...kinds, schema: { type: "array", items: { type: "string", enum: ["a"] } } }],
    }),
    breaks: ["get /things: query kind[] has other words: a"],
  },
};

const bodies: Record<string, SeededEdit> = {
  "one becomes required": {
    edit: ofAdd({ requestBody: { required: true } }),
    breaks: ["post /things: a body is required"],
  },
  "one may be left out": {
    edit: { paths: { "/deeds": { post: { requestBody: { required: null } } } } },
    breaks: [],
  },
  "one is removed": { edit: ofAdd({ requestBody: null }), breaks: ["post /things: no body is taken"] },
  "an optional one is added": { edit: ofList({ requestBody: { content: {} } }), breaks: [] },
  "one has another media type": {
    edit: ofAdd({ requestBody: { content: { "application/json": null, "text/plain": {} } } }),
    breaks: ["post /things: the body is not application/json any more"],
  },
  "one may have another media type": {
    edit: ofAdd({ requestBody: { content: { "text/plain": {} } } }),
    breaks: [],
  },
  "one has no schema any more": {
    edit: ofAddBody({ schema: null }),
    breaks: ["post /things: the body has no schema any more"],
  },
};

const answers: Record<string, SeededEdit> = {
  "success has one status more": {
    edit: ofList({ responses: { 206: {} } }),
    breaks: ["get /things: it may answer 206"],
  },
  "success has one status less": {
    edit: ofAdd({ responses: { 204: null } }),
    breaks: ["post /things: it never answers 204"],
  },
  "a refusal is added": { edit: ofList({ responses: { 409: {} } }), breaks: [] },
  "a refusal is removed": { edit: ofList({ responses: { 404: null } }), breaks: [] },
  "a refusal loses a member": {
    edit: { components: { schemas: { Problem: { properties: { code: null } } } } },
    breaks: ["get /things: 404.code is gone"],
  },
  "one has another media type": {
    edit: ofListAnswer({ content: { "application/json": null, "text/plain": {} } }),
    breaks: ["get /things: 200 is not application/json any more"],
  },
  "one has no schema any more": {
    edit: ofListAnswer({ content: { "application/json": { schema: null } } }),
    breaks: ["get /things: 200 has no schema any more"],
  },
  "a header is removed": {
    edit: ofListAnswer({ headers: { Count: null } }),
    breaks: ["get /things: 200 has no Count"],
  },
  "a header has another type": {
    edit: { components: { headers: { Count: { schema: { type: "string" } } } } },
    breaks: ["get /things: 200, Count has other types: string"],
  },
  "a header may be left out": {
    edit: { components: { headers: { Count: { required: null } } } },
    breaks: ["get /things: 200, Count may be left out"],
  },
  "a header is added": { edit: ofListAnswer({ headers: { More: {} } }), breaks: [] },
};

const streams: Record<string, SeededEdit> = {
  "an event is removed": {
    edit: ofEvents({ "x-events": { removed: null } }),
    breaks: ["get /events: 200: the event removed is gone"],
  },
  "all events are removed": {
    edit: ofEvents({ "x-events": null }),
    breaks: ["get /events: 200: the event added is gone", "get /events: 200: the event removed is gone"],
  },
  "an event has another schema": {
    edit: ofEvents({ "x-events": { removed: ref("Added") } }),
    breaks: ["get /events: 200, removed has a type of another name"],
  },
  "an event loses a member": {
    edit: { components: { schemas: { Removed: { properties: { path: null } } } } },
    breaks: ["get /things: 200[].owner Removed.path is gone", "get /events: 200, removed.path is gone"],
  },
  "an event is added": {
    edit: ofEvents({
      schema: { contentSchema: { anyOf: [ref("Added"), ref("Removed"), ref("Line")] } },
      "x-events": { moved: ref("Line") },
    }),
    breaks: [],
  },
  "the data of events has no schema any more": {
    edit: ofEvents({ schema: { contentSchema: null } }),
    breaks: ["get /events: 200 has no schema of its content any more"],
  },
  "a line has no schema any more": {
    edit: ofLines({ "x-line": null }),
    breaks: ["get /lines: 200, a line has no schema any more"],
  },
  "a line loses a member": {
    edit: { components: { schemas: { Line: { properties: { path: null } } } } },
    breaks: ["get /lines: 200, a line.path is gone"],
  },
};

describe.for(
  Object.entries({
    "of operations": operations,
    "of servers and security": serversAndSecurity,
    "of parameters": parameters,
    "of bodies": bodies,
    "of answers": answers,
    "of streams": streams,
  }),
)("%s", ([, edits]) => {
  test.for(Object.entries(edits))("%s", ([, { edit, breaks }]) => {
    expect(brokenBy(edit)).toEqual(breaks);
  });
});
