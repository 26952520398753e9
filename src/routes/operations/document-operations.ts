// What an operation of the document says beside its schemas: which headers it takes and answers with, whether it needs a
// body and a session. What many answers have in common stands in the document once.

import { isEqual, isObject, type JsonObject } from "./json-walk.ts";

/** What a route says of itself for the document alone; the plugin carries it over under these names. */
export const notes = {
  bodyIsOptional: "x-body-is-optional",
  needsSession: "x-needs-session",
  head: "x-head",
} as const;

type Operation = JsonObject & {
  readonly parameters?: readonly JsonObject[];
  readonly requestBody?: JsonObject;
  readonly responses: Readonly<Record<string, JsonObject>>;
};

/** The operation by its method, and where the route says so its HEAD as well. */
export function finishOperation(path: string, method: string, made: JsonObject): Record<string, JsonObject> {
  const {
    [notes.bodyIsOptional]: bodyIsOptional,
    [notes.needsSession]: needsSession,
    [notes.head]: head,
    ...operation
  } = made as Operation;
  const { parameters, requestBody, responses } = operation as Operation;
  const finished = {
    ...operation,
    ...(parameters && { parameters: parameters.map((each) => finishParameter(each, needsSession === true)) }),
    ...(takesSession(parameters) && { security: [{}, { SessionToken: [] }] }),
    ...(requestBody && { requestBody: { ...requestBody, required: bodyIsOptional !== true } }),
    responses: mapResponses(responses, (status, response) => withHeaders(path, status, response)),
  };
  return { [method]: finished, ...(isObject(head) && { head: headOf(finished as Operation, head) }) };
}

/** The plugin names headers as they are matched, without regard to case; people know them otherwise. */
function finishParameter(parameter: JsonObject, needsSession: boolean): JsonObject {
  if (parameter.in !== "header") return parameter;
  const name = canonical(String(parameter.name));
  return { ...parameter, name, ...(name === "Session-Token" && needsSession && { required: true }) };
}

function canonical(name: string): string {
  if (name === "last-event-id") return "Last-Event-ID";
  return name
    .split("-")
    .map((part) => part.charAt(0).toUpperCase() + part.slice(1))
    .join("-");
}

function takesSession(parameters: Operation["parameters"] = []): boolean {
  return parameters.some(({ name }) => name === "session-token");
}

function mapResponses(
  responses: Operation["responses"],
  map: (status: string, response: JsonObject) => JsonObject,
): Operation["responses"] {
  return Object.fromEntries(
    Object.entries(responses).map(([status, response]) => [status, map(status, response)]),
  );
}

const wholeNumber = { type: "integer", format: "int64", minimum: 0 };

const zxidHeader = {
  description: "The last transaction the server had done when it answered.",
  schema: wholeNumber,
  example: 1042,
};

const refusalHeaders: Readonly<Record<string, JsonObject>> = {
  405: {
    Allow: {
      description: "The methods the resource has.",
      schema: { type: "string" },
      example: "GET, HEAD, OPTIONS",
    },
  },
  410: {
    "Zxid-Oldest": {
      description: "With `history_trimmed`: the oldest transaction to resume after.",
      schema: wholeNumber,
      example: 17,
    },
  },
};

const retryAfterHeader = {
  "Retry-After": {
    description: "Seconds after which to try again, where that makes sense.",
    schema: wholeNumber,
    example: 1,
  },
};

function withHeaders(path: string, status: string, response: JsonObject): JsonObject {
  const hasZxid = path.startsWith("/v1") || status.startsWith("4");
  const mayRetry = status === "429" || status === "503" || status === "4XX";
  const headers = {
    ...(hasZxid && { Zxid: zxidHeader }),
    ...(response.headers as JsonObject | undefined),
    ...refusalHeaders[status],
    ...(mayRetry && retryAfterHeader),
  };
  return Object.keys(headers).length === 0 ? response : { ...response, headers };
}

/** What a GET answers with, without its body. */
function headOf({ responses, ...operation }: Operation, head: JsonObject): JsonObject {
  const { names, ...said } = head;
  const kept = new Set(names as readonly string[]);
  const parameters = (operation.parameters ?? []).filter(({ name }) => kept.has(String(name)));
  const bare = mapResponses(responses, (_status, { content: _, ...response }) => response);
  return { ...operation, ...said, parameters, responses: bare };
}

type Paths = Readonly<Record<string, Readonly<Record<string, JsonObject>>>>;

interface Shared {
  readonly paths: Paths;
  readonly responses: Record<string, JsonObject>;
  readonly headers: Record<string, JsonObject>;
}

/** A refusal that several operations have, and every header, stands under a name and is referred to. */
export function shareResponses(paths: Paths): Shared {
  const headers: Record<string, JsonObject> = {};
  const withSharedHeaders = mapEach(paths, (_status, response) => shareHeaders(response, headers));
  const counts = new Map<string, number>();
  mapEach(withSharedHeaders, (_status, response) => {
    const text = JSON.stringify(response);
    counts.set(text, (counts.get(text) ?? 0) + 1);
    return response;
  });
  const responses: Record<string, JsonObject> = {};
  const shared = mapEach(withSharedHeaders, (status, response) => {
    if (status < "4" || (counts.get(JSON.stringify(response)) ?? 0) < 2) return response;
    const name = refusalName(status, response);
    addOnce(responses, name, response);
    return { $ref: `#/components/responses/${name}` };
  });
  return { paths: shared, responses, headers };
}

function mapEach(paths: Paths, map: (status: string, response: JsonObject) => JsonObject): Paths {
  const mapMembers = <T>(members: Readonly<Record<string, T>>, each: (member: T) => JsonObject) =>
    Object.fromEntries(Object.entries(members).map(([name, member]) => [name, each(member)]));
  return mapMembers(paths, (methods) =>
    mapMembers(methods, (operation) => ({
      ...operation,
      responses: mapResponses((operation as Operation).responses, map),
    })),
  ) as Paths;
}

function shareHeaders(response: JsonObject, headers: Record<string, JsonObject>): JsonObject {
  if (!isObject(response.headers)) return response;
  const references = Object.entries(response.headers).map(([name, header]) => {
    addOnce(headers, name, header as JsonObject);
    return [name, { $ref: `#/components/headers/${name}` }];
  });
  return { ...response, headers: Object.fromEntries(references) };
}

/** @throws Error when something else has the name, which is a fault of ours */
function addOnce(members: Record<string, JsonObject>, name: string, member: JsonObject): void {
  const known = members[name] ?? member;
  if (!isEqual(known, member)) throw new Error(`two parts of the document are called ${name}`);
  members[name] = known;
}

/** What most operations may be refused with is named after its status, and the rest after the codes. */
const commonNames: Readonly<Record<string, string>> = {
  "4XX": "NotUnderstood",
  400: "BadRequest",
  503: "Unavailable",
};

function refusalName(status: string, { description, content }: JsonObject): string {
  const common = commonNames[status];
  const ending = content === undefined ? "WithoutBody" : "";
  if (status === "4XX" && common !== undefined) return common + ending;
  const codes = [...String(description).matchAll(/`(\w+)`/g)].map(([, code]) => String(code));
  const always = new Set(["bad_request", "behind", "suspended", "stopping"]);
  const own = codes.filter((code) => common === undefined || !always.has(code)).map(pascal);
  return [...(common === undefined ? [] : [common]), ...own].join("Or") + ending;
}

function pascal(code: string): string {
  return code
    .split("_")
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join("");
}
