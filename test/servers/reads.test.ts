// What a client may ask of any server after it was answered by another.

import { expect, test } from "./fixture.ts";

test("a read that names the zxid of an answer from elsewhere shows that or later [Z6, N18]", async ({
  sites,
}) => {
  const [here, behind] = sites;
  await here.http.post("/v1/znodes/w", { body: "old" });
  await behind.hasCaughtUp();
  behind.fallBehind();
  const { zxid } = await here.http.put("/v1/znodes/w", { body: "new" });
  const answer = behind.http.get("/v1/znodes/w", { headers: { "min-zxid": String(zxid) } });
  await behind.hasRead();
  await behind.goOn();
  expect((await answer).json()).toMatchObject({ data: "new", stat: { mzxid: zxid } });
});

test("a server that stays behind says so in time, and has done nothing [Z6]", async ({ sites, pass }) => {
  const [here, behind] = sites;
  behind.fallBehind();
  const { zxid } = await here.http.post("/v1/znodes/w", { body: "there" });
  const answer = behind.http.get("/v1/znodes/w", { headers: { "min-zxid": String(zxid) } });
  await behind.hasRead();
  await pass(2000);
  const refusal = await answer;
  expect([refusal.status, refusal.code, refusal.header("retry-after")]).toEqual([
    503,
    "behind",
    expect.any(String),
  ]);
});

test("a watch resumes at a server that has not come so far yet, without a reset [W28]", async ({ sites }) => {
  const [here, behind] = sites;
  await here.http.post("/v1/znodes/w", { body: "0" });
  await behind.hasCaughtUp();
  behind.fallBehind();
  const told = await here.http.put("/v1/znodes/w", { body: "1" });
  await here.http.put("/v1/znodes/w", { body: "2" });
  const opening = behind.stream("/v1/watch?path=/w", { "last-event-id": String(told.zxid) });
  await behind.hasRead();
  await behind.goOn();
  const stream = await opening;
  await stream.untilEvent("synced");
  expect(stream.events.map(({ event, data }) => [event, data.zxid])).toEqual([
    ["change", told.zxid + 1],
    ["synced", told.zxid + 1],
  ]);
  stream.close();
});

test("a long poll after a zxid that a server has not reached waits for what comes after it", async ({
  sites,
}) => {
  const [here, behind] = sites;
  await here.http.post("/v1/znodes/w", { body: "0" });
  await behind.hasCaughtUp();
  behind.fallBehind();
  const seen = await here.http.put("/v1/znodes/w", { body: "1" });
  const query = { waitAfterZxid: seen.zxid, waitMs: 60_000 };
  const answer = behind.http.get("/v1/znodes/w", { query });
  await behind.hasRead();
  await behind.goOn();
  await here.http.put("/v1/znodes/w", { body: "2" });
  expect((await answer).json()).toMatchObject({ data: "2" });
});
