// A client that believes the OpenAPI document: each answer has a status, a type, headers and a shape that the document
// promises for the operation that was asked for, and what is accepted is what the document says may be sent. A request of
// which that is not so fails the test that asked.

import { unknownRequest } from "./documented-request.ts";
import { type Answer, Http, type RequestOptions } from "./http.ts";
import { operationAt, violationOf } from "./openapi.ts";

export class DocumentedHttp extends Http {
  override async request(method: string, path: string, options: RequestOptions = {}): Promise<Answer> {
    const answer = await super.request(method, path, options);
    const violation = asksForAnotherForm(path, options) ? null : violationIn(method, path, answer);
    if (violation !== null) throw new Error(`the document promises otherwise: ${violation}`);
    const unknown = isAccepted(method, path, answer) ? unknownRequest({ method, path, ...options }) : null;
    if (unknown !== null) throw new Error(`the document does not say so: ${unknown}`);
    return answer;
  }
}

/** OPTIONS is of HTTP; a batch is answered as done, whatever became of its operations. */
function isAccepted(method: string, path: string, answer: Answer): boolean {
  if (method === "OPTIONS" || answer.status >= 300) return false;
  if (path !== "/v1/batch") return true;
  return answer.json<{ results: { status: number }[] }>().results.every(({ status }) => status < 300);
}

/** What other forms there are is told in words: each has an operation of its own. */
function asksForAnotherForm(path: string, { query = "", headers = {} }: RequestOptions): boolean {
  const asked = `${path} ${typeof query === "string" ? query : Object.keys(query).join(" ")}`;
  const isByAccept = Object.keys(headers).some((name) => name.toLowerCase() === "accept");
  return isByAccept || /\b(raw|inParts)\b/.test(asked);
}

function violationIn(method: string, path: string, answer: Answer): string | null {
  const operation = operationAt(method, path.split("?", 1)[0] as string);
  if (operation === undefined) return null;
  const { status, text, headers } = answer;
  const contentType = answer.header("content-type") ?? undefined;
  return violationOf(operation, { status, contentType, text, headers: [...headers.keys()] });
}
