// Sessions of a service with several servers: whoever speaks for one at any of them speaks for it at all.

import { expect, test, tokenOf } from "./fixture.ts";

test("a session that is renewed at one server lives at all of them [N7]", async ({ sites, pass }) => {
  const [here, ...elsewhere] = sites;
  const session = await here.openSession(600);
  for (let round = 0; round < 25; round += 1) {
    const answer = await here.http.put(`/v1/sessions/${session.id}`, tokenOf(session));
    expect(answer.status, `after ${round * 100} ms`).toBe(200);
    await pass(100);
  }
  for (const { http } of elsewhere) {
    const answer = await http.put(`/v1/sessions/${session.id}`, tokenOf(session));
    expect(answer.json()).toMatchObject({ id: session.id, validForMs: 600 });
  }
});

test("a session that is renewed at another server each time lives [N7]", async ({ sites, pass }) => {
  const session = await sites[0].openSession(500);
  for (let round = 0; round < 30; round += 1) {
    const { http } = sites[round % sites.length] as (typeof sites)[number];
    await sites[(round + 1) % sites.length]?.hasCaughtUp();
    const answer = await http.put(`/v1/sessions/${session.id}`, tokenOf(session));
    expect(answer.status, `after ${round * 200} ms`).toBe(200);
    await pass(200);
  }
});

test("a session that nobody renews ends once, for all servers [N8]", async ({ sites, pass }) => {
  const [here, ...elsewhere] = sites;
  const session = await here.openSession(600);
  const ephemeral = { query: "ephemeral=true", ...tokenOf(session) };
  expect((await here.http.post("/v1/znodes/e", ephemeral)).status).toBe(201);
  const streams = await Promise.all(sites.map((site) => site.stream("/v1/watch?path=/e")));
  for (const stream of streams) await stream.untilEvent("synced");
  await pass(2000);
  for (const stream of streams) {
    const { data } = await stream.untilEvent("change");
    expect(data).toMatchObject({ cause: "session_expired", events: [{ type: "deleted", path: "/e" }] });
    expect(data).toEqual(streams[0]?.named("change")[0]?.data);
    stream.close();
  }
  for (const { http } of elsewhere) {
    expect((await http.put(`/v1/sessions/${session.id}`, tokenOf(session))).code).toBe("session_expired");
  }
});

test("a session just opened is known at a server that has not heard of it yet [N2]", async ({ sites }) => {
  const [here, behind] = sites;
  behind.fallBehind();
  const session = await here.openSession(60_000);
  const answer = behind.http.put(`/v1/sessions/${session.id}`, tokenOf(session));
  await behind.hasRead();
  await behind.goOn();
  expect((await answer).json()).toMatchObject({ id: session.id });
});

test("a token that no server ever gave is refused, at a server that is behind as well [N5]", async ({
  sites,
}) => {
  const [here, behind] = sites;
  const session = await here.openSession(60_000);
  behind.fallBehind();
  const headers = { "session-token": `${session.token.slice(0, -4)}AAAA` };
  const answer = behind.http.put(`/v1/sessions/${session.id}`, { headers });
  await behind.hasRead();
  await behind.goOn();
  expect((await answer).code).toBe("session_expired");
});
