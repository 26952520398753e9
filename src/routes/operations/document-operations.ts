// What an operation of the document says beside its schemas: which headers it takes and answers with, whether it needs a
// body and a session.

import { isObject, type JsonObject } from "./json-walk.ts";

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
  const takesStale = (parameters ?? []).some(({ name }) => name === "stale");
  const finished = {
    ...operation,
    ...(parameters && {
      parameters: parameters.filter(isShown).map((each) => finishParameter(each, needsSession === true)),
    }),
    ...(takesSession(parameters) && { security: withSession }),
    ...(requestBody && { requestBody: { ...requestBody, required: bodyIsOptional !== true } }),
    responses: mapResponses(responses, (status, response) =>
      withHeaders({ path, status, takesStale }, response),
    ),
  };
  return { [method]: finished, ...(isObject(head) && { head: headOf(finished as Operation, head) }) };
}

/** What a client sets once, for all its requests, is a scheme of the whole document. */
function isShown({ in: place, name }: JsonObject): boolean {
  return place !== "header" || name !== "acl-auth";
}

/** With and without a session, by somebody who is known or where nobody has to be. */
const withSession = [{ BearerToken: [] }, { BearerToken: [], SessionToken: [] }, {}, { SessionToken: [] }];

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

/** @param responses by status */
export function mapResponses(
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

const staleHeader = {
  description:
    "Only while this server cannot reach the log, and the request said `stale=ok`: milliseconds since somebody answered for " +
    "the log. What is said may be as old.",
  schema: wholeNumber,
  example: 4120,
};

const refusalHeaders: Readonly<Record<string, JsonObject>> = {
  404: { "Stale-Ms": staleHeader },
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

interface AnsweredWith {
  readonly path: string;
  readonly status: string;
  readonly takesStale: boolean;
}

function withHeaders({ path, status, takesStale }: AnsweredWith, response: JsonObject): JsonObject {
  const hasZxid = path.startsWith("/v1") || status.startsWith("4");
  const mayRetry = status === "429" || status === "503" || status === "4XX";
  const headers = {
    ...(hasZxid && { Zxid: zxidHeader }),
    ...(takesStale && Number(status) < 400 && { "Stale-Ms": staleHeader }),
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
