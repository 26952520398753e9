// Fences: a write that happens only while a znode is still the one it was, so that who was deposed cannot write.

import { encodeSegments, expect, expectProblem, expectStatus, test, tokenOf, urlOf } from "./fixture.ts";

test("a deposed master's late write is refused, whatever kind it is [S11]", async ({
  http,
  root,
  znodes,
}) => {
  const master = await znodes.create(`${root}/master`);
  await znodes.create(`${root}/state`, "0");
  const headers = { fence: `${root}/master@${master.stat.czxid}` };
  await znodes.set(`${root}/state`, "1", { headers });
  await znodes.delete(`${root}/master`);
  await znodes.create(`${root}/master`);
  const operations = [{ op: "set", path: `${root}/state`, data: "late" }];
  const late = [
    await http.put(urlOf(`${root}/state`), { headers, body: "late" }),
    await http.put(urlOf(`${root}/new`), { headers, query: "upsert=true" }),
    await http.post(urlOf(`${root}/new`), { headers }),
    await http.delete(urlOf(`${root}/state`), { headers }),
    await http.delete(urlOf(root), { headers, query: "recursive=true" }),
    await http.post("/v1/transactions", { headers, json: { operations } }),
  ];
  for (const answer of late) {
    expect(expectProblem(answer, 409, "fence_stale").path).toBe(`${root}/master`);
  }
  expect(await znodes.children(root)).toEqual(["master", "state"]);
  expect((await znodes.read(`${root}/state`)).data).toBe("1");
});

test("every one of several fences must hold, and paths in them are percent-encoded", async ({
  http,
  root,
  znodes,
}) => {
  const names = ["a, b@7", "中文"];
  const made = await Promise.all(names.map((name) => znodes.create(`${root}/${name}`)));
  const [first, second] = made.map(({ path, stat }) => ({ path: encodeSegments(path), czxid: stat.czxid }));
  const fences = (offset: number) => ({
    headers: { fence: `${first?.path}@${first?.czxid} , ${second?.path}@${(second?.czxid ?? 0) + offset}` },
  });
  expectStatus(await http.put(urlOf(root), fences(0)), 200);
  expect(expectProblem(await http.put(urlOf(root), fences(1)), 409, "fence_stale").path).toBe(`${root}/中文`);
});

test("a fence goes with the session of the one who held it [E5]", async ({
  http,
  root,
  znodes,
  openSession,
}) => {
  const session = await openSession();
  const { stat } = await znodes.create(`${root}/m`, "", { query: "ephemeral=true", ...tokenOf(session) });
  const headers = { fence: `${root}/m@${stat.czxid}` };
  expectStatus(await http.put(urlOf(root), { headers }), 200);
  expectStatus(await http.delete(`/v1/sessions/${session.id}`, tokenOf(session)), 204);
  expectProblem(await http.put(urlOf(root), { headers }), 409, "fence_stale");
});

test("the session is judged before the fence, and the fence before the write [O3]", async ({
  http,
  root,
  openSession,
}) => {
  const session = await openSession();
  await http.delete(`/v1/sessions/${session.id}`, tokenOf(session));
  const fence = `${root}@1`;
  const dead = await http.put(urlOf(`${root}/none`), { headers: { fence, "session-token": session.token } });
  expectProblem(dead, 410, "session_expired");
  expectProblem(await http.put(urlOf(`${root}/none`), { headers: { fence } }), 409, "fence_stale");
  expectProblem(await http.put(urlOf(`${root}/none`), { headers: {} }), 404, "no_node");
});

test("a fence that is none is refused", async ({ http, root }) => {
  for (const fence of [
    "",
    "x",
    `${root}`,
    `${root}@`,
    `${root}@x`,
    `${root}@-1`,
    `${root}@1,`,
    "@1",
    ",",
    `${root}@1.`,
    `${root}@1.x`,
    `${root}@.1`,
  ]) {
    expectProblem(await http.put(urlOf(root), { headers: { fence } }), 400, "bad_request");
  }
  for (const fence of ["/%zz@1", "/a//b@1", "/../a@1", `${root}/@1`]) {
    expectProblem(await http.put(urlOf(root), { headers: { fence } }), 400, "bad_path");
  }
});

test("whoever claims or stands is given the ready value of Fence in every answer, and it holds as long as the claim", async ({
  http,
  root,
  openSession,
}) => {
  const name = "a, b@c é";
  const [holder, waiter] = [tokenOf(await openSession()), tokenOf(await openSession())];
  for (const [kind, part] of [
    ["locks", "claims"],
    ["elections", "candidates"],
  ] as const) {
    const resource = `/v1/${kind}/${encodeURIComponent(name)}`;
    const url = `${resource}/${part}`;
    const held = expectStatus(await http.post(url, { json: {}, ...holder }), 201).json();
    const waiting = expectStatus(await http.post(url, { json: { waitMs: 1 }, ...waiter }), 202).json();
    expect([held, waiting].map(({ fenceHeader }) => withoutEpoch(String(fenceHeader)))).toEqual(
      [held, waiting].map(({ path, fence }) => `${encodeSegments(String(path))}@${fence}`),
    );
    const view = (await http.get(resource)).json<Record<string, { fenceHeader: string }[]>>();
    const [first, second] = [...(view.holders ?? []), ...(view.queue ?? view.candidates ?? [])];
    expect([first, second]).toMatchObject([held, waiting].map(({ fenceHeader }) => ({ fenceHeader })));
    expect((await http.get(`${url}/${held.id}`)).json()).toMatchObject({ fenceHeader: held.fenceHeader });
    const write = () => http.put(urlOf(root), { body: "x", headers: { fence: String(held.fenceHeader) } });
    expectStatus(await write(), 200);
    const byHand = { fence: withoutEpoch(String(held.fenceHeader)) };
    expectStatus(await http.put(urlOf(root), { body: "x", headers: byHand }), 200);
    await http.delete(`${url}/${held.id}`, holder);
    expectProblem(await write(), 409, "fence_stale");
    await http.delete(urlOf(`/${kind}/${name}`), { query: "recursive=true" });
  }
});

/** As a person writes it: the number alone. */
function withoutEpoch(fenceHeader: string): string {
  return fenceHeader.replace(/(@\d+)\.[0-9a-f]+$/, "$1");
}

test("a write with more fences than /v1/limits says is refused by that name", async ({
  http,
  root,
  znodes,
}) => {
  const { stat } = await znodes.create(`${root}/master`);
  const { bounds } = (await http.get("/v1/limits")).json<{ bounds: { fencesMax: number } }>();
  const fence = (count: number) => ({ fence: Array(count).fill(`${root}/master@${stat.czxid}`).join(",") });
  const put = (count: number) => http.put(urlOf(`${root}/master`), { headers: fence(count) });
  expectStatus(await put(bounds.fencesMax), 200);
  expect(expectProblem(await put(bounds.fencesMax + 1), 400, "bad_request").limit).toBe("fencesMax");
});
