// The committed OpenAPI document, for tests that hold a server against it: its operations, what they may be sent, and
// whether an answer is one of those it promises. TREEKEEPER_DOCUMENT names another, by which the tests themselves are tried.

import { readFileSync } from "node:fs";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";

export interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
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
  /** Of each line, where the answer is lines of JSON. */
  readonly "x-line"?: Schema;
  /** Of the data of each event by its name, where the answer is a stream of events. */
  readonly "x-events"?: Readonly<Record<string, Schema>>;
}

export interface Parameter {
  readonly name: string;
  readonly in: "path" | "query" | "header";
  readonly required?: boolean;
  readonly example?: unknown;
  readonly schema: Schema;
}

interface Response {
  readonly $ref?: string;
  readonly description: string;
  readonly headers?: Readonly<Record<string, object>>;
  readonly content?: Readonly<Record<string, Media>>;
}

export interface Operation {
  readonly operationId: string;
  readonly method: string;
  /** As the document has it, with `{id}` for parameters. */
  readonly path: string;
  readonly parameters: readonly Parameter[];
  readonly requestBody?: { readonly required: boolean; readonly content: Readonly<Record<string, Media>> };
  readonly responses: Readonly<Record<string, Response>>;
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Omit<Operation, "method" | "path">>>>>;
  readonly components: Readonly<Record<string, Readonly<Record<string, object>>>>;
}

const file = process.env.TREEKEEPER_DOCUMENT ?? new URL("../../openapi/openapi.json", import.meta.url);
const document = JSON.parse(readFileSync(file, "utf8")) as Document;

export const operations: readonly Operation[] = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({
    ...operation,
    parameters: operation.parameters ?? [],
    responses: Object.fromEntries(
      Object.entries(operation.responses).map(([status, response]) => [status, resolved(response)]),
    ),
    method: method.toUpperCase(),
    path,
  })),
);

/** What a reference stands for; anything else as it is. */
export function resolved<Part extends { readonly $ref?: string }>(part: Part): Part {
  const [, kind = "", name = ""] = /^#\/components\/(\w+)\/(.+)$/.exec(part.$ref ?? "") ?? [];
  return (document.components[kind]?.[name] as Part | undefined) ?? part;
}

/** An example of a body or of an answer, and why the schema beside it does not allow it; null when it does. */
export interface Example {
  readonly where: string;
  readonly fault: string | null;
}

export function examplesIn({ operationId, requestBody, responses }: Operation): Example[] {
  const bodies = mediaExamples(`${operationId} request`, requestBody?.content ?? {});
  const answers = Object.entries(responses).flatMap(([status, { content = {} }]) =>
    mediaExamples(`${operationId} ${status}`, content),
  );
  return [...bodies, ...answers];
}

function mediaExamples(where: string, content: Readonly<Record<string, Media>>): Example[] {
  return Object.entries(content).flatMap(([type, media]) => {
    const { example } = media;
    if (example === undefined) return [];
    const text = typeof example === "string" ? example : JSON.stringify(example);
    return [{ where: `${where} ${type}`, fault: faultIn(media, type, text) }];
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
  /** The names of its headers, where those count as well. */
  readonly headers?: readonly string[];
}

/** The operation that a request asks for, by its path without the query; the one whose path says most. */
export function operationAt(method: string, path: string): Operation | undefined {
  return places.find((place) => place.operation.method === method && place.pattern.test(path))?.operation;
}

const places = operations
  .map((operation) => ({ operation, pattern: patternOf(operation.path) }))
  .sort((a, b) => parameterCount(a.operation) - parameterCount(b.operation));

/** A znode's path has slashes; a name has none. Each parameter is a group of its name. */
export function patternOf(path: string): RegExp {
  const source = path.replace("/{path}", "(?:/(?<path>.*))?").replaceAll(/\{(\w+)\}/g, "(?<$1>[^/]+)");
  return new RegExp(`^${source}$`);
}

function parameterCount({ path }: Operation): number {
  return path.split("{").length - 1;
}

/** Why the document does not allow this answer to the operation; null when it does. */
export function violationOf(operation: Operation, answered: Answered): string | null {
  const { status, contentType, text, headers = [] } = answered;
  const ofTransport = transportStatuses.has(status) ? operation.responses["4XX"] : undefined;
  const response = operation.responses[status] ?? ofTransport;
  if (response === undefined) return `${operation.operationId} has no ${status} in the document`;
  const listed = Object.keys(response.headers ?? {}).map((name) => name.toLowerCase());
  const unlisted = headers.find((name) => ourHeaders.has(name) && !listed.includes(name));
  if (unlisted !== undefined) return `${operation.operationId} has no header ${unlisted} for ${status}`;
  if (operation.method === "HEAD" || (response.content === undefined && text === "")) return null;
  const type = contentType?.split(";", 1)[0] ?? "none";
  const media = response.content?.[type];
  if (media === undefined) return `${operation.operationId} has no ${type} for ${status} in the document`;
  const fault = faultIn(media, type, text) ?? unknownCode(response, type, text);
  return fault === null ? null : `${operation.operationId} ${status}: ${fault}`;
}

/** What is refused before anybody knows which operation was meant. */
const transportStatuses = new Set([408, 417, 429, 431]);

/** The codes that a refusal may have stand in its description. */
function unknownCode({ description }: Response, type: string, text: string): string | null {
  if (type !== "application/problem+json") return null;
  const { code } = JSON.parse(text) as { readonly code: string };
  return description.includes(`\`${code}\``) ? null : `no code ${code}`;
}

/** Those that say something of the service, and not of HTTP. */
const ourHeaders = new Set([
  ...["allow", "etag", "location", "retry-after"],
  ...["idempotency-replayed", "stale-ms", "zxid", "zxid-oldest"],
]);

function faultIn(media: Media, type: string, text: string): string | null {
  const { schema = {}, "x-line": line, "x-events": events } = media;
  if (line !== undefined) {
    const lines = text.split("\n").filter((each) => each !== "");
    return firstFault(lines, (each) => faultOf(line, JSON.parse(each)));
  }
  if (events !== undefined)
    return firstFault(eventsIn(text), ({ name, data }) => eventFault(events, name, data));
  return faultOf(schema, isJson.test(type) ? JSON.parse(text) : text);
}

const isJson = /[/+]json$/;

function firstFault<Item>(items: readonly Item[], faultOfItem: (item: Item) => string | null): string | null {
  for (const item of items) {
    const fault = faultOfItem(item);
    if (fault !== null) return fault;
  }
  return null;
}

interface StreamEvent {
  readonly name: string;
  readonly data: string;
}

/** Those that are whole: what was read of a stream may end in the middle of one. */
function eventsIn(text: string): StreamEvent[] {
  const blocks = text.split("\n\n").slice(0, -1);
  return blocks.flatMap((block) => {
    const fields = new Map(
      block.split("\n").map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)]),
    );
    const [name, data] = [fields.get("event"), fields.get("data")];
    return name === undefined || data === undefined ? [] : [{ name, data }];
  });
}

function eventFault(events: Readonly<Record<string, Schema>>, name: string, data: string): string | null {
  const schema = events[name];
  if (schema === undefined) return `no event ${name}`;
  const fault = faultOf(schema, JSON.parse(data));
  return fault === null ? null : `event ${name}: ${fault}`;
}
