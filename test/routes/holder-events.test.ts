import { expect } from "vitest";
import { test } from "./server-fixture.ts";

const heartbeatMs = 10_000;

test.for(["/v1/locks/a/events", "/v1/elections/a/events"])(
  "the heartbeat of %s is a comment that ends no event",
  async (url, { http, keeper }) => {
    const response = await fetch(http.url + url);
    const parts = (response.body as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream());
    let text = "";
    for await (const part of parts) {
      text += part;
      const beats = text.match(/: hb/g)?.length ?? 0;
      if (beats === 3) break;
      if (text.endsWith("\n\n") || beats > 0) await keeper.clock.advance(heartbeatMs);
    }
    expect(text).toMatch(/^retry: \d{4}\nid: .+\nevent: .+\ndata: .+\n\n(: hb\n){3}$/);
  },
);
