// A server as an operator traces it: an SDK that is loaded before it, by `--import` alone.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { Http } from "../support/http.ts";
import { ServerProcess, test } from "../support/process.ts";
import { type SpanLine, writingSpans } from "../support/span-lines.ts";

const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
const headers = { traceparent: `00-${traceId}-00f067aa0ba902b7-01` };

test("an SDK that is loaded with --import collects the spans of a server's requests", async ({ dataDir }) => {
  const file = join(dataDir, "spans.ndjson");
  const server = await ServerProcess.start({
    ...{ dataDir: join(dataDir, "data"), env: writingSpans(file) },
  });
  expect(server.hasLogged("an OpenTelemetry SDK is loaded")).toBe(true);
  await new Http(server.url).put("/v1/znodes/a", { headers, body: "x" });
  expect(await server.terminate()).toMatchObject({ code: 0 });
  const lines = readFileSync(file, "utf8").trim().split("\n");
  const spans = lines.map((line) => JSON.parse(line) as SpanLine).filter((span) => span.traceId === traceId);
  expect(spans.map(({ name }) => name)).toEqual(["queue wait", "append", "apply", "PUT /v1/znodes/*"]);
  const request = spans.at(-1) as SpanLine;
  expect(spans.map(({ parentId }) => parentId)).toEqual([
    ...[request.spanId, request.spanId, request.spanId],
    "00f067aa0ba902b7",
  ]);
});
