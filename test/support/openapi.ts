// The committed OpenAPI document, for tests that hold a server against it: its operations, what they may be sent, and
// whether an answer is one of those it promises.

import { readFileSync } from "node:fs";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";

export interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly maxItems?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly examples?: readonly unknown[];
  readonly [keyword: string]: unknown;
}

interface Media {
  readonly schema?: Schema;
  readonly example?: unknown;
}

export interface Parameter {
  readonly name: string;
  readonly in: "path" | "query" | "header";
  readonly required?: boolean;
  readonly example?: unknown;
  readonly schema: Schema;
}

interface Response {
  readonly description: string;
  readonly content?: Readonly<Record<string, Media>>;
}

export interface Operation {
  readonly operationId: string;
  readonly method: string;
  /** As the document has it, with `{id}` for parameters. */
  readonly path: string;
  readonly parameters: readonly Parameter[];
  readonly requestBody?: { readonly content: Readonly<Record<string, Media>> };
  readonly responses: Readonly<Record<string, Response>>;
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Omit<Operation, "method" | "path">>>>>;
  readonly components: object;
}

const document = JSON.parse(
  readFileSync(new URL("../../openapi/openapi.json", import.meta.url), "utf8"),
) as Document;

export const operations: readonly Operation[] = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({
    ...operation,
    parameters: operation.parameters ?? [],
    method: method.toUpperCase(),
    path,
  })),
);

/** Each example of a body and of an answer, with the schema beside it. */
export interface Example {
  readonly where: string;
  readonly schema: Schema;
  readonly value: unknown;
}

export function examplesIn({ operationId, requestBody, responses }: Operation): Example[] {
  const bodies = mediaExamples(`${operationId} request`, requestBody?.content ?? {});
  const answers = Object.entries(responses).flatMap(([status, { content = {} }]) =>
    mediaExamples(`${operationId} ${status}`, content),
  );
  return [...bodies, ...answers];
}

function mediaExamples(where: string, content: Readonly<Record<string, Media>>): Example[] {
  return Object.entries(content).flatMap(([type, { schema = {}, example }]) => {
    const values = [...(example === undefined ? [] : [example]), ...(schema.examples ?? [])];
    return values.map((value) => ({ where: `${where} ${type}`, schema, value }));
  });
}

const ajv = new Ajv2020({ strict: false, validateFormats: false });
ajv.addSchema({ $id: "document", components: document.components });
const validators = new Map<Schema, ValidateFunction>();

/** What is wrong with the value; null when nothing is. */
export function faultOf(schema: Schema, value: unknown): string | null {
  const validate = validators.get(schema) ?? ajv.compile(rooted(schema) as object);
  validators.set(schema, validate);
  return validate(value) ? null : ajv.errorsText(validate.errors);
}

/** References lead into the document, wherever the schema stands. */
function rooted(schema: Schema): unknown {
  return JSON.parse(JSON.stringify(schema).replaceAll('"$ref":"#/', '"$ref":"document#/'));
}

export interface Answered {
  readonly status: number;
  readonly contentType: string | undefined;
  readonly text: string;
}

/** Why the document does not allow this answer to the operation; null when it does. */
export function violationOf(operation: Operation, { status, contentType, text }: Answered): string | null {
  const response = operation.responses[status] ?? (status < 500 ? operation.responses["4XX"] : undefined);
  if (response === undefined || (status < 400 && operation.responses[status] === undefined)) {
    return `${operation.operationId} has no ${status} in the document`;
  }
  if (operation.method === "HEAD" || (response.content === undefined && text === "")) return null;
  const type = contentType?.split(";", 1)[0] ?? "none";
  const media = response.content?.[type];
  if (media === undefined) return `${operation.operationId} has no ${type} for ${status} in the document`;
  if (media.schema === undefined) return null;
  const value: unknown = type.endsWith("json") ? JSON.parse(text) : text;
  const fault = faultOf(media.schema, value);
  return fault === null ? null : `${operation.operationId} ${status}: ${fault}`;
}
