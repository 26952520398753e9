// What generators of clients ask of the OpenAPI document, each for a fault that one of them had: numbers cut to 32 bits,
// nothing generated at all, operations left out, types without a name that change with every edit.

import { expect, test } from "vitest";
import { problemKinds } from "../../src/routes/http/problems.ts";
import {
  answersOf,
  isObject,
  type JsonObject,
  operationsIn,
  placesIn,
  readDocumentFile,
  resolvedIn,
} from "../support/document.ts";

const document = readDocumentFile();
const operations = operationsIn(document);
const places = [...placesIn({ paths: document.paths, components: document.components })];

/** Where what is found stands; nothing is to be found. */
function whereFound(isFault: (object: JsonObject, at: readonly string[]) => boolean): string[] {
  return places.filter(({ object, at }) => isFault(object, at)).map(({ at }) => at.join(" "));
}

function isComponent(at: readonly string[]): boolean {
  return at[0] === "components" && at.length === 3;
}

test("every whole number has a width, and the narrow one only where its bounds fit", () => {
  const isInteger = ({ type }: JsonObject) => [type].flat().includes("integer");
  expect(whereFound((object) => isInteger(object) && !/^int(32|64)$/.test(String(object.format)))).toEqual(
    [],
  );
  const isTooNarrow = ({ format, minimum, maximum }: JsonObject) =>
    format === "int32" && !(Number(minimum) >= -(2 ** 31) && Number(maximum) < 2 ** 31);
  expect(whereFound(isTooNarrow)).toEqual([]);
  expect(places.filter(({ object }) => object.format === "int64").length).toBeGreaterThan(50);
});

test("no object is without a name", () => {
  const isNameless = (object: JsonObject, at: readonly string[]) =>
    (isObject(object.properties) || [object.type].flat().includes("object")) && !isComponent(at);
  expect(whereFound(isNameless)).toEqual([]);
});

test("alternatives are told apart by a word, and each has a name", () => {
  for (const { at, object } of places) {
    if (!isObject(object.discriminator)) continue;
    const where = at.join(" ");
    expect(isComponent(at), where).toBe(true);
    const { propertyName, mapping } = object.discriminator;
    const variants = object.oneOf as readonly JsonObject[];
    expect(variants.map(({ $ref }) => $ref).sort(), where).toEqual(Object.values(mapping as object).sort());
    for (const [word, $ref] of Object.entries(mapping as Record<string, string>)) {
      const { properties, required } = resolvedIn(document, { $ref });
      expect((properties as JsonObject)[String(propertyName)], where).toMatchObject({ enum: [word] });
      expect(required, where).toContain(propertyName);
    }
  }
  expect(whereFound((object) => "oneOf" in object && !("discriminator" in object))).toEqual([]);
  expect(places.filter(({ object }) => isObject(object.discriminator)).length).toBe(2);
});

test("words to choose from are one enum with a type, and null is one of the types", () => {
  const isWordAlternative = ({ anyOf }: JsonObject) =>
    Array.isArray(anyOf) && anyOf.some((one) => isObject(one) && !("$ref" in one) && one.type !== "null");
  expect(whereFound(isWordAlternative)).toEqual([]);
  expect(whereFound((object) => Array.isArray(object.enum) && object.type === undefined)).toEqual([]);
  expect(whereFound((object, at) => "const" in object && at.at(-1) !== "properties")).toEqual([]);
});

test("an operation that succeeds answers with one schema in one media type", () => {
  for (const each of operations) {
    const forms = answersOf(document, each)
      .filter(([status]) => status.startsWith("2"))
      .flatMap(([, { content }]) => (isObject(content) ? Object.entries(content) : []))
      .map(([type, media]) => JSON.stringify([type, (media as JsonObject).schema]));
    expect(new Set(forms).size, each.name).toBeLessThanOrEqual(1);
    const statuses = answersOf(document, each).filter(([status]) => status.startsWith("2"));
    const withBody = statuses.filter(([, { content }]) => content !== undefined);
    expect([0, statuses.length], each.name).toContain(withBody.length);
  }
});

test("a body is declared in one media type, and whether it may be left out", () => {
  for (const { name, method, operation } of operations) {
    const body = operation.requestBody;
    if (body === undefined) continue;
    expect(["post", "put", "patch"], name).toContain(method);
    expect(Object.keys((body as JsonObject).content as object).length, name).toBe(1);
    expect((body as JsonObject).required, name).toBeTypeOf("boolean");
  }
  const withBody = operations.filter(({ operation }) => operation.requestBody !== undefined);
  const without = operations.filter(({ method, operation }) => method === "post" && !operation.requestBody);
  expect(without.map(({ operation }) => operation.operationId)).toEqual(["drain", "sync", "createTicket"]);
  expect(withBody.length).toBeGreaterThan(15);
});

/** A generator makes types of its own from each operation's id, and then two things would have one name. */
test("no schema has a name that a generator makes of an operation's id", () => {
  const endings = ["", "Operation", "Request", "Response", "Params", "Req", "Res", "Data", "Body", "Result"];
  const made = new Set(
    operations.flatMap(({ operation }) => {
      const id = String(operation.operationId);
      return endings.slice(1).map((ending) => id.charAt(0).toUpperCase() + id.slice(1) + ending);
    }),
  );
  const names = Object.values(document.components).flatMap((members) => Object.keys(members));
  expect(names.filter((name) => made.has(name))).toEqual([]);
  for (const name of Object.keys(document.components.schemas ?? {})) expect(name).toMatch(/^[A-Z][A-Za-z]+$/);
});

test("no operation has two parameters that differ only in how they are written", () => {
  for (const { name, operation } of operations) {
    const parameters = (operation.parameters ?? []) as readonly JsonObject[];
    const names = parameters.map((each) =>
      String(each.name)
        .toLowerCase()
        .replaceAll(/[^a-z]/g, ""),
    );
    expect(new Set(names).size, name).toBe(names.length);
  }
});

test("headers are written as people know them", () => {
  const inRequests = operations.flatMap(({ operation }) =>
    ((operation.parameters ?? []) as readonly JsonObject[]).filter((each) => each.in === "header"),
  );
  const names = [
    ...inRequests.map(({ name }) => String(name)),
    ...Object.keys(document.components.headers ?? {}),
  ];
  for (const name of names) expect(name).toMatch(/^(ETag|Last-Event-ID|[A-Z][a-z]+(-[A-Z][a-z]+)*)$/);
});

test("whatever takes a session says so, and whatever is nothing without one requires it", () => {
  const { SessionToken } = document.components.securitySchemes ?? {};
  expect(SessionToken).toMatchObject({ type: "apiKey", in: "header", name: "Session-Token" });
  const required: unknown[] = [];
  for (const { name, operation } of operations) {
    const parameters = (operation.parameters ?? []) as readonly JsonObject[];
    const token = parameters.find((each) => each.name === "Session-Token");
    const [bearer, session] = [{ BearerToken: [] }, { SessionToken: [] }];
    expect(operation.security, name).toEqual(token && [bearer, { ...bearer, ...session }, {}, session]);
    if (token?.required === true) required.push(operation.operationId);
  }
  expect(required).toEqual(expect.arrayContaining(["claimLock", "standForElection", "registerInstance"]));
});

/** What comes into being there is at no URL of its own. */
const hasNoPlace = new Set(["/v1/barriers/{name}", "/v1/tickets"]);

test("every answer of the service says its zxid, a refusal that may be tried again when, and what is made where", () => {
  for (const each of operations.filter(({ path }) => path.startsWith("/v1"))) {
    for (const [status, { headers = {} }] of answersOf(document, each)) {
      expect(headers, `${each.name} ${status}`).toHaveProperty("Zxid");
      if (status === "429" || status === "503")
        expect(headers, `${each.name} ${status}`).toHaveProperty("Retry-After");
      const isMade = status === "201" && !hasNoPlace.has(each.path);
      if (isMade) expect(headers, `${each.name} ${status}`).toHaveProperty("Location");
      if (status === "304") expect(headers, `${each.name} ${status}`).toHaveProperty("ETag");
    }
  }
});

test("the code of a problem is told as open: others may come", () => {
  const { properties = {} } = document.components.schemas?.Problem ?? {};
  const { code } = properties as Record<string, JsonObject>;
  expect(code).not.toHaveProperty("enum");
  for (const known of Object.keys(problemKinds)) expect(code?.description).toContain(known);
});

test("each event of a stream has a schema of its own", () => {
  const streams = operations.flatMap((each) =>
    answersOf(document, each).flatMap(([, { content }]) => {
      const media = isObject(content) ? content["text/event-stream"] : undefined;
      return media === undefined ? [] : [{ name: each.name, media: media as JsonObject }];
    }),
  );
  expect(streams.length).toBe(8);
  for (const { name, media } of streams) {
    const events = Object.entries(media["x-events"] as Record<string, JsonObject>);
    expect(events.length, name).toBeGreaterThan(1);
    for (const [event, { $ref }] of events)
      expect($ref, `${name} ${event}`).toMatch(/^#\/components\/schemas\//);
  }
});

test("a body and an answer of JSON has an example", () => {
  for (const each of operations) {
    const answers = answersOf(document, each).filter(([status]) => status < "3");
    const body = each.operation.requestBody;
    const parts = [...answers.map(([, answer]) => answer), ...(isObject(body) ? [body] : [])];
    for (const { content } of parts)
      for (const media of Object.values((content ?? {}) as Record<string, JsonObject>))
        expect(media, each.name).toSatisfy(
          (one: JsonObject) => "example" in one || "examples" in one || isText(one),
        );
  }
});

/** Text shows itself in its schema. */
function isText({ schema }: JsonObject): boolean {
  return isObject(schema) && schema.type === "string" && Array.isArray(schema.examples);
}
