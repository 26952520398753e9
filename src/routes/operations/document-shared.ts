// What answers of the document have in common stands in it once, under a name: every header, and every refusal. Generators
// make a type of each name, and of a refusal without one they make up a name that may speak of another operation.

import { mapResponses } from "./document-operations.ts";
import { isEqual, isObject, type JsonObject } from "./json-walk.ts";

type Paths = Readonly<Record<string, Readonly<Record<string, JsonObject>>>>;

interface Shared {
  readonly paths: Paths;
  readonly responses: Record<string, JsonObject>;
  readonly headers: Record<string, JsonObject>;
}

export function shareResponses(paths: Paths): Shared {
  const headers: Record<string, JsonObject> = {};
  const withSharedHeaders = mapEach(paths, ({ response }) => shareHeaders(response, headers));
  const counts = new Map<string, number>();
  mapEach(withSharedHeaders, ({ response }) => {
    const text = JSON.stringify(response);
    counts.set(text, (counts.get(text) ?? 0) + 1);
    return response;
  });
  const responses: Record<string, JsonObject> = {};
  const shared = mapEach(withSharedHeaders, (answer) => {
    if (!isRefusal(answer.response)) return answer.response;
    const isCommon = (counts.get(JSON.stringify(answer.response)) ?? 0) > 1;
    const name = isCommon ? commonName(answer) : ownName(answer);
    addOnce(responses, name, answer.response);
    return { $ref: `#/components/responses/${name}` };
  });
  return { paths: shared, responses, headers };
}

interface AnswerOf {
  readonly operationId: string;
  readonly status: string;
  readonly response: JsonObject;
}

function mapEach(paths: Paths, map: (answer: AnswerOf) => JsonObject): Paths {
  const mapMembers = <T>(members: Readonly<Record<string, T>>, each: (member: T) => JsonObject) =>
    Object.fromEntries(Object.entries(members).map(([name, member]) => [name, each(member)]));
  return mapMembers(paths, (methods) =>
    mapMembers(methods, (operation) => ({
      ...operation,
      responses: mapResponses(
        operation.responses as Readonly<Record<string, JsonObject>>,
        (status, response) => map({ operationId: String(operation.operationId), status, response }),
      ),
    })),
  ) as Paths;
}

function isRefusal({ content }: JsonObject): boolean {
  return isObject(content) && "application/problem+json" in content;
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
const commonNames: Readonly<Record<string, string>> = { 400: "BadRequest", 503: "Unavailable" };
const commonCodes = new Set(["bad_request", "behind", "suspended", "stopping"]);

/** Of a refusal that several operations have. */
function commonName({ status, response }: AnswerOf): string {
  if (status === "4XX") return "NotUnderstood";
  const common = commonNames[status];
  const codes = Array.from(String(response.description).matchAll(/`(\w+)`/g), ([, code]) => String(code));
  const own = codes.filter((code) => common === undefined || !commonCodes.has(code)).map(pascal);
  return [...(common === undefined ? [] : [common]), ...own].join("Or");
}

const statusWords: Readonly<Record<string, string>> = {
  400: "BadRequest",
  403: "Forbidden",
  404: "NotFound",
  409: "Conflict",
  410: "Gone",
  413: "TooLarge",
  500: "Failure",
  503: "Unavailable",
  507: "NoRoom",
};

/** Of a refusal that no other operation has. */
function ownName({ operationId, status }: AnswerOf): string {
  const word = statusWords[status];
  if (word === undefined) throw new Error(`${operationId} alone has a ${status}, which has no word yet`);
  return operationId.charAt(0).toUpperCase() + operationId.slice(1) + word;
}

function pascal(code: string): string {
  return code
    .split("_")
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join("");
}
