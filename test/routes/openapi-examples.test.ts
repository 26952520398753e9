// Every example in the OpenAPI document, executed: what is shown as a request is sent to a server in the state it speaks
// of, and what comes back is an answer the document promises. What is shown as an answer fits the schema beside it.

import { describe, expect } from "vitest";
import { logMediaType } from "../../src/store/upstream/frames.ts";
import { examplesIn, operations, violationOf } from "../support/openapi.ts";
import { exampleRequest, operationsWithState, prepare } from "../support/operation-examples.ts";
import { test } from "./server-fixture.ts";

describe.for(operations)("$operationId", (operation) => {
  const examples = examplesIn(operation);
  if (examples.length > 0)
    test("its examples fit the schemas they stand beside", () => {
      for (const { where, fault } of examples) expect(fault, where).toBeNull();
    });

  test("its example request is done, and answered as the document says", async ({ http, keeper }) => {
    const made = await prepare(operation, http, keeper);
    // The store has come no further than its fixture: an example that asks for more would wait for it.
    const zxid = String(keeper.store.zxid);
    const { path, headers, body } = exampleRequest(operation, {
      ...made,
      "Min-Zxid": zxid,
      "Last-Event-ID": zxid,
    });
    const response = await fetch(http.url + path, {
      method: operation.method,
      headers,
      ...(body !== undefined && { body }),
    });
    const contentType = response.headers.get("content-type") ?? undefined;
    const isStream = contentType === "text/event-stream" || contentType === logMediaType;
    const text = isStream ? await firstPart(response) : await response.text();
    const { status } = response;
    expect(status, text).toBeLessThan(300);
    expect(violationOf(operation, { status, contentType, text })).toBeNull();
  });
});

async function firstPart(response: Response): Promise<string> {
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  const { value } = await reader.read();
  await reader.cancel();
  return new TextDecoder().decode(value);
}

test("every fixture is of an operation that exists", () => {
  const ids = operations.map(({ operationId }) => operationId);
  expect(operationsWithState().filter((id) => !ids.includes(id))).toEqual([]);
});
