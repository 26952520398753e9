// The committed OpenAPI documents are those the routes make. Write them anew with: npm run openapi

import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import manifest from "../../package.json" with { type: "json" };
import { problemKinds } from "../../src/routes/http/problems.ts";
import { inOpenapi30 } from "../../src/routes/operations/openapi-3-0.ts";
import { test } from "./server-fixture.ts";

function fileOf(name: string): string {
  return fileURLToPath(new URL(`../../openapi/${name}`, import.meta.url));
}

const file = fileOf("openapi.json");

interface Media {
  readonly schema?: Schema;
  readonly example?: unknown;
}

interface Schema {
  readonly $ref?: string;
  readonly examples?: readonly unknown[];
  readonly [keyword: string]: unknown;
}

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required: boolean;
  readonly description?: string;
  readonly example?: unknown;
  readonly schema: Schema;
}

interface Operation {
  readonly operationId?: string;
  readonly summary?: string;
  readonly tags?: readonly string[];
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { content: Record<string, Media> };
  readonly responses: Record<string, Answer>;
}

interface Answer {
  readonly $ref?: string;
  readonly description?: string;
  readonly content?: Record<string, Media>;
}

interface Document {
  readonly openapi: string;
  readonly info: { title: string; version: string; license: { name: string } };
  readonly tags: readonly { name: string }[];
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: Record<string, Record<string, unknown>>;
}

function read(): Document {
  return JSON.parse(readFileSync(file, "utf8")) as Document;
}

function operations(): { name: string; path: string; operation: Operation }[] {
  return Object.entries(read().paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ name: `${method} ${path}`, path, operation })),
  );
}

test("the documents in the repository are those the routes make", async ({ server }) => {
  const made = server.app.swagger() as unknown as Document;
  const document = { ...made, info: { ...made.info, version: manifest.version } };
  for (const [name, each] of [
    ["openapi.json", document],
    ["openapi-3.0.json", inOpenapi30(document)],
  ] as const) {
    const text = `${JSON.stringify(each, null, 2)}\n`;
    if (process.env.UPDATE_OPENAPI === "1") writeFileSync(fileOf(name), text);
    expect(readFileSync(fileOf(name), "utf8") === text, `openapi/${name} is stale: run npm run openapi`).toBe(
      true,
    );
  }
});

test("the document is served as it is, and shown on a page to try it", async ({ server }) => {
  const served = await server.app.inject({ url: "/openapi.json" });
  expect(served.json().paths).toEqual(read().paths);
  const page = await server.app.inject({ url: "/docs" });
  expect([200, 302]).toContain(page.statusCode);
});

test("it is an OpenAPI 3.1 document whose references all lead somewhere", () => {
  const document = read();
  expect(document.openapi).toMatch(/^3\.1\.\d+$/);
  expect(document.info).toMatchObject({ title: "treekeeper", version: manifest.version });
  const references = [...readFileSync(file, "utf8").matchAll(/"\$ref": "([^"]*)"/g)].map(
    ([, ref]) => ref as string,
  );
  expect(references.length).toBeGreaterThan(0);
  for (const reference of references) {
    const [, kind = "", name = ""] = /^#\/components\/(\w+)\/([\w-]+)$/.exec(reference) ?? [];
    expect(document.components[kind]?.[name], reference).toBeDefined();
  }
});

test("every operation has an id of its own, a summary, a known tag and an example", () => {
  const ids = operations().map(({ operation }) => operation.operationId);
  expect(new Set(ids).size).toBe(ids.length);
  const tags = read().tags.map(({ name }) => name);
  for (const { name, operation } of operations()) {
    expect(operation.operationId, name).toMatch(/^[a-z][A-Za-z]+$/);
    expect(operation.summary, name).toMatch(/\S/);
    expect(operation.tags?.length, name).toBe(1);
    expect(tags, name).toContain(operation.tags?.[0]);
    expect(hasExample(operation), name).toBe(true);
  }
});

/** Of a body or an answer, or where there is neither, of a parameter. */
function hasExample(operation: Operation): boolean {
  const answers = Object.values(operation.responses).flatMap(({ content = {} }) => Object.values(content));
  const bodies = Object.values(operation.requestBody?.content ?? {});
  const media: readonly Media[] = [...answers, ...bodies];
  if (media.some(({ schema, example }) => example !== undefined || schema?.examples !== undefined))
    return true;
  return (operation.parameters ?? []).some(({ example }) => example !== undefined);
}

test("every operation says how it is refused, with codes of the closed list, and every answer what it is", () => {
  for (const { name, path, operation } of operations()) {
    const answers = answersOf(operation);
    expect(
      answers.some(([status]) => status.startsWith("2")),
      name,
    ).toBe(true);
    for (const [status, answer] of answers) {
      expect(status, name).toMatch(/^([2345]\d\d|4XX)$/);
      expect(answer.description, `${name} ${status}`).toMatch(/\S/);
      if (!path.startsWith("/v1") || status < "4" || name.startsWith("head")) continue;
      expect(answer.content?.["application/problem+json"]?.schema?.$ref, `${name} ${status}`).toBe(
        "#/components/schemas/Problem",
      );
      const codes = [...(answer.description ?? "").matchAll(/`(\w+)`/g)].map(([, code]) => code as string);
      expect(codes.length, `${name} ${status}`).toBeGreaterThan(0);
      for (const code of codes) expect(problemKinds, `${name} ${status}`).toHaveProperty(code);
    }
    if (path.startsWith("/v1")) expect(Object.keys(operation.responses), name).toContain("400");
  }
});

/** By status, shared ones as well. */
function answersOf({ responses }: Operation): [string, Answer][] {
  const { components } = read();
  return Object.entries(responses).map(([status, answer]) => {
    const name = answer.$ref?.replace("#/components/responses/", "");
    return [status, name === undefined ? answer : (components.responses?.[name] as Answer)];
  });
}

test("parameters in a path are the ones the path names, and all are described", () => {
  for (const { name, path, operation } of operations()) {
    const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, parameter]) => parameter);
    const parameters = operation.parameters ?? [];
    expect(
      parameters.filter((each) => each.in === "path").map((each) => each.name),
      name,
    ).toEqual(named);
    for (const { name: parameter, description, required, schema } of parameters) {
      expect(description, `${name} ${parameter}`).toMatch(/\S/);
      if (schema.default !== undefined) expect(required, `${name} ${parameter}`).toBe(false);
    }
  }
});

test("what a write sends is documented as bytes", () => {
  for (const id of ["createZnode", "setZnode"]) {
    const { operation } = operations().find((each) => each.operation.operationId === id) ?? {};
    expect(operation?.requestBody?.content["application/octet-stream"]?.schema).toMatchObject({
      format: "binary",
    });
  }
});

test("a watch is documented as a stream of events", () => {
  const watch = operations().find(({ path }) => path === "/v1/watch");
  expect(watch?.operation.operationId).toBe("watch");
  const stream = watch?.operation.responses["200"]?.content?.["text/event-stream"];
  expect(JSON.stringify(stream)).toContain("event: change");
});
