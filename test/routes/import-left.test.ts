// Clients that leave in the middle of an import: what was done stays done, and nothing of the rest is held.

import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { connect } from "node:http2";
import { join } from "node:path";
import { expect, vi } from "vitest";
import { serveFor, test } from "./server-fixture.ts";

const file = (name: string) => readFileSync(join(import.meta.dirname, "../support/tls", name));
const tls = { cert: file("cert.pem"), key: file("key.pem") };

const part = Array.from({ length: 500 }, (_, index) => `{"path":"/n${index}"}\n`).join("");
const lineOnItsWay = `{"path":"/${"x".repeat(1000)}`;

test.for(["application/json", "application/x-ndjson", "text/event-stream"])(
  "an import asked for as %s whose client leaves during its first part holds nothing of what came after it",
  async (accept, { keeper, watches }) => {
    const { server, http, close } = await serveFor(keeper, watches, { tls });
    const append = vi.spyOn(keeper.log, "append");
    keeper.log.hold();
    const heard = once(server.app.server, "request") as Promise<[IncomingMessage]>;
    const session = connect(http.url.replace("http:", "https:"), { rejectUnauthorized: false });
    const sent = session.request({ ":method": "POST", ":path": "/v1/import", accept });
    sent.on("error", () => {}).write(part + lineOnItsWay);
    const [request] = await heard;
    await vi.waitUntil(() => append.mock.calls.length === 1);
    expect(request.listenerCount("data")).toBe(1);
    sent.close();
    await once(request, "close");
    keeper.log.release();
    await vi.waitUntil(() => request.listenerCount("data") === 0);
    expect(keeper.children("/")).toHaveLength(500);
    session.close();
    await close();
  },
);
