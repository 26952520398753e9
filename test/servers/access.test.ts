// What a change of tokens at one server means at the others.

import { addToken, turnOnAccess } from "../support/access.ts";
import { expect, type Site, test } from "./fixture.ts";

async function withTokens([here, behind]: readonly [Site, Site, ...Site[]]) {
  const admin = await turnOnAccess(here.store);
  const web = await addToken(here.store, { name: "web", policies: ["admin"] });
  await behind.hasCaughtUp();
  expect((await behind.http.get("/v1/znodes", { headers: web })).status).toBe(200);
  return { here, behind, admin, web };
}

test("a revocation at any server holds there at once, and at every other that is asked for a state which has it [Z6]", async ({
  sites,
}) => {
  const admin = await turnOnAccess(sites[0].store);
  for (const [index, here] of sites.entries()) {
    const name = `web-${index}`;
    const web = await addToken(sites[0].store, { name, policies: ["admin"] });
    for (const site of sites) {
      await site.hasCaughtUp();
      expect((await site.http.get("/v1/znodes", { headers: web })).status).toBe(200);
    }
    const others = sites.filter((site) => site !== here);
    for (const other of others) other.fallBehind();
    const { zxid, status } = await here.http.delete(`/v1/admin/tokens/${name}`, { headers: admin });
    expect(status).toBe(204);
    expect((await here.http.get("/v1/znodes", { headers: web })).code).toBe("unauthenticated");
    const headers = { ...web, "min-zxid": String(zxid) };
    const answers = others.map(({ http }) => http.get("/v1/znodes", { headers }));
    await Promise.all(others.map((other) => other.goOn()));
    for (const answer of answers) expect((await answer).code).toBe("unauthenticated");
  }
});

test("a write at a server that has not heard of a revocation is refused where it is ordered behind it", async ({
  sites,
}) => {
  const { here, behind, admin, web } = await withTokens(sites);
  behind.fallBehind();
  await here.http.delete("/v1/admin/tokens/web", { headers: admin });
  const answer = behind.http.put("/v1/znodes/late", { headers: web, body: "x" });
  await behind.goOn();
  expect((await answer).code).toBe("unauthenticated");
  expect((await here.http.get("/v1/znodes/late", { headers: admin })).code).toBe("no_node");
});

test("a stream ends at whichever server it is, when its token is revoked at another", async ({ sites }) => {
  const { here, behind, admin, web } = await withTokens(sites);
  const stream = await behind.stream("/v1/watch?path=/", { ...web });
  await stream.untilEvent("synced");
  await here.http.delete("/v1/admin/tokens/web", { headers: admin });
  await stream.untilEvent("bye");
  expect(stream.events.at(-1)?.data).toMatchObject({ reason: "unauthorised" });
  stream.close();
});

test("a session is its token's at every server, and another's to whoever else has its token", async ({
  sites,
}) => {
  const { here, behind, admin, web } = await withTokens(sites);
  const opened = await here.http.post("/v1/sessions", { headers: web, json: { timeoutMs: 10_000 } });
  const { id, token } = opened.json<{ id: string; token: string }>();
  const keep = (by: object) =>
    behind.http.put(`/v1/sessions/${id}`, { headers: { ...by, "session-token": token } });
  await behind.hasCaughtUp();
  expect((await keep(web)).status).toBe(200);
  expect((await keep(admin)).code).toBe("session_expired");
});
