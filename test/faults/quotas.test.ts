// Quotas over the end of the process, planned or not: the limits are there again, what they count is right, and what
// was refused before is refused after.

import { expect } from "vitest";
import { Http } from "../support/http.ts";
import { test } from "../support/process.ts";

test.for(["terminate", "kill"] as const)(
  "after the process was told to %s, quotas and usage are as they were [U11]",
  async (end, { start }) => {
    const server = await start();
    const before = new Http(server.url);
    for (const path of ["/full", "/gone", "/raised"]) await before.post(`/v1/znodes${path}`, { body: "1" });
    for (const path of ["/full", "/gone", "/raised"]) {
      await before.put(`/v1/quotas${path}`, { json: { countHard: 3, bytesHard: 5, bytesSoft: 4 } });
    }
    await before.post("/v1/znodes/full/a", { body: "234" });
    await before.post("/v1/znodes/full/b", { body: "5" });
    await before.put("/v1/quotas/raised", { json: { countHard: 4 } });
    await before.delete("/v1/znodes/gone");
    const quotas = (await before.get("/v1/quotas")).json();
    expect(quotas).toEqual({
      quotas: [
        {
          ...{ path: "/full", count: 3, bytes: 5, countHard: 3, bytesHard: 5, bytesSoft: 4 },
          exceeded: ["bytesSoft"],
        },
        { path: "/raised", count: 1, bytes: 1, countHard: 4, exceeded: [] },
      ],
    });
    await server[end]();
    const after = new Http((await start()).url);
    expect((await after.get("/v1/quotas")).json()).toEqual(quotas);
    expect((await after.post("/v1/znodes/full/c")).code).toBe("quota_exceeded");
    expect((await after.put("/v1/znodes/full", { body: "12" })).code).toBe("quota_exceeded");
    await after.delete("/v1/znodes/full/b");
    expect((await after.post("/v1/znodes/full/c", { body: "5" })).status).toBe(201);
  },
);
