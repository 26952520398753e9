// Whether the OpenAPI document tells of what a request was sent with: a client that is made of the document could not have
// sent anything else. For requests that were accepted, whatever they were refused for otherwise.

import type { RequestOptions } from "./http.ts";
import { faultOf, type Operation, operationAt, type Parameter, patternOf } from "./openapi.ts";

export interface Sent extends RequestOptions {
  readonly method: string;
  /** Of the URL; a query may stand behind it. */
  readonly path: string;
}

/** Why the document knows no such request; null when it does. */
export function unknownRequest(sent: Sent): string | null {
  const [path = "", ...queries] = sent.path.split("?");
  const operation =
    operationAt(sent.method, path) ?? (sent.method === "HEAD" ? operationAt("GET", path) : undefined);
  // The document itself, pages and what else people read are in no document.
  if (operation === undefined) return path.startsWith("/v1") ? `it has no ${sent.method} ${path}` : null;
  const query = new URLSearchParams([...queries, queryText(sent.query)].join("&"));
  const fault = pathFault(operation, path) ?? queryFault(operation, query) ?? bodyFault(operation, sent);
  return fault === null ? null : `${operation.operationId} is not sent ${fault}`;
}

function queryText(query: RequestOptions["query"] = ""): string {
  if (typeof query === "string") return query;
  const members = Object.entries(query).map(([name, value]): [string, string] => [name, String(value)]);
  return new URLSearchParams(members).toString();
}

function pathFault({ path: template, parameters }: Operation, path: string): string | null {
  const values = patternOf(template).exec(path)?.groups ?? {};
  for (const [name, text] of Object.entries(values)) {
    // The root has a URL without it.
    if (text === undefined) continue;
    const fault = parameterFault(parameters, { name, place: "path", value: decodeURIComponent(text) });
    if (fault !== null) return fault;
  }
  return null;
}

function queryFault({ parameters }: Operation, query: URLSearchParams): string | null {
  for (const name of new Set(query.keys())) {
    if (toldInWords.test(name)) continue;
    const fault = parameterFault(parameters, { name, place: "query", value: query.getAll(name) });
    if (fault !== null) return fault;
  }
  return null;
}

/** Other forms of an answer, of which each has an operation of its own, and what no client needs that is made of it. */
const toldInWords = /^(raw|inParts|lastEventId|meta\..*)$/;

interface Given {
  readonly name: string;
  readonly place: Parameter["in"];
  readonly value: string | readonly string[];
}

function parameterFault(parameters: readonly Parameter[], { name, place, value }: Given): string | null {
  const parameter = parameters.find((each) => each.name === name && each.in === place);
  if (parameter === undefined) return `the ${place} parameter ${name}`;
  const readings = [value].flat().flatMap(readingsOf);
  const isList = parameter.schema.type === "array";
  const fits = isList
    ? faultOf(parameter.schema, value) === null
    : readings.some((reading) => faultOf(parameter.schema, reading) === null);
  return fits ? null : `${JSON.stringify(value)} as the ${place} parameter ${name}`;
}

/** What a text in a URL may stand for. */
function readingsOf(text: string): readonly unknown[] {
  if (text === "true" || text === "false") return [text === "true", text];
  return /^-?\d+$/.test(text) ? [Number(text), text] : [text];
}

function bodyFault({ requestBody }: Operation, { json }: Sent): string | null {
  if (json === undefined) return null;
  const media = requestBody?.content["application/json"];
  if (media === undefined) return "a body of JSON";
  const fault = faultOf(media.schema ?? {}, json);
  return fault === null ? null : `this body: ${fault}`;
}
