// Ephemeral znodes: they live exactly as long as the session they belong to.

import { once } from "node:events";
import { withBearer } from "../support/http.ts";
import { expect, expectProblem, expectStatus, test, tokenOf, urlOf } from "./fixture.ts";

test("an ephemeral shows its owner, and without a session there is none [E1, N20]", async ({
  http,
  root,
  znodes,
  openSession,
}) => {
  expectProblem(await http.post(urlOf(`${root}/e`), { query: "ephemeral=true" }), 400, "session_required");
  const session = await openSession();
  const { stat } = await znodes.create(`${root}/e`, "", { query: "ephemeral=true", ...tokenOf(session) });
  expect(stat.ephemeralOwner).toBe(session.id);
  const plain = await znodes.create(`${root}/p`, "", tokenOf(session));
  expect(plain.stat.ephemeralOwner).toBeNull();
});

test("others may read, set and delete it, and do not become its owner [E3]", async ({
  root,
  znodes,
  openSession,
}) => {
  const [owner, other] = [await openSession(), await openSession()];
  await znodes.create(`${root}/e`, "mine", { query: "ephemeral=true", ...tokenOf(owner) });
  const stat = await znodes.set(`${root}/e`, "changed", tokenOf(other));
  expect(stat.ephemeralOwner).toBe(owner.id);
  await znodes.delete(`${root}/e`, tokenOf(other));
  expect(await znodes.exists(`${root}/e`)).toBe(false);
});

test("a session's end leaves alone what another has made at the same path since [E4]", async ({
  http,
  root,
  znodes,
  openSession,
}) => {
  const [first, second] = [await openSession(), await openSession()];
  await znodes.create(`${root}/e`, "", { query: "ephemeral=true", ...tokenOf(first) });
  await znodes.delete(`${root}/e`);
  await znodes.create(`${root}/e`, "", { query: "ephemeral=true", ...tokenOf(second) });
  await znodes.create(`${root}/f`, "", { query: "ephemeral=true", ...tokenOf(first) });
  await znodes.delete(`${root}/f`);
  await znodes.create(`${root}/f`);
  expectStatus(await http.delete(`/v1/sessions/${first.id}`, tokenOf(first)), 204);
  expect(await znodes.children(root)).toEqual(["e", "f"]);
});

test("a lost connection takes nothing: only the end of the session does [E2, N15]", async ({
  http,
  root,
  znodes,
  openSession,
}) => {
  const session = await openSession();
  const socket = await http.connect();
  const request =
    `POST ${urlOf(`${root}/e`)}?ephemeral=true HTTP/1.1\r\nHost: localhost\r\n` +
    `Session-Token: ${session.token}\r\nContent-Length: 0\r\n\r\n`;
  socket.write(withBearer(request));
  await once(socket, "data");
  socket.resetAndDestroy();
  await once(socket, "close");
  expect(await znodes.exists(`${root}/e`)).toBe(true);
  expectStatus(await http.put(`/v1/sessions/${session.id}`, tokenOf(session)), 200);
  expect(await znodes.exists(`${root}/e`)).toBe(true);
});

test("an ephemeral create that races its session's close never stays behind [E6]", async ({
  http,
  root,
  znodes,
  openSession,
}) => {
  for (let round = 0; round < 10; round += 1) {
    const session = await openSession();
    const options = { query: "ephemeral=true", ...tokenOf(session) };
    const create = (name: string) => http.post(urlOf(`${root}/${name}${round}`), options);
    const [before, closed, after] = await Promise.all([
      create("before"),
      http.delete(`/v1/sessions/${session.id}`, tokenOf(session)),
      create("after"),
    ]);
    expect(closed.status).toBe(204);
    for (const { status } of [before, after]) expect([201, 410]).toContain(status);
    expect(await znodes.children(root)).toEqual([]);
  }
});

test("one made in a transaction belongs to the session it acts for; a refused one leaves none [E7]", async ({
  http,
  root,
  znodes,
  openSession,
}) => {
  const session = await openSession();
  const create = { op: "create", path: `${root}/e`, ephemeral: true };
  const failing = { op: "delete", path: `${root}/none` };
  expectProblem(
    await http.post("/v1/transactions", { json: { operations: [create, failing] }, ...tokenOf(session) }),
    404,
    "no_node",
  );
  const described = async () => (await http.get(`/v1/sessions/${session.id}`)).json().ephemerals;
  expect(await described()).toEqual([]);
  const { results } = await znodes.transact([create], tokenOf(session));
  expect(results[0]?.stat?.ephemeralOwner).toBe(session.id);
  expect(await described()).toEqual([`${root}/e`]);
});

test("many ephemerals of one session go in one message, at one zxid [E5, N10, W31]", async ({
  http,
  root,
  znodes,
  openSession,
  watch,
}) => {
  const session = await openSession();
  const operations = Array.from({ length: 200 }, (_, index) => {
    return { op: "create", path: `${root}/e${String(index).padStart(3, "0")}`, ephemeral: true };
  });
  await znodes.transact(operations, tokenOf(session));
  const stream = await watch(`path=${root}&scope=children`);
  await stream.untilEvent("synced");
  expectStatus(await http.delete(`/v1/sessions/${session.id}`, tokenOf(session)), 204);
  const { data } = await stream.untilEvent("change");
  expect(data).toMatchObject({ cause: "session_closed", session: session.id });
  expect(stream.changes).toEqual(operations.map(({ path }) => `deleted ${path}`));
  expect((await znodes.stat(root)).pzxid).toBe(data.zxid);
  expect(await znodes.children(root)).toEqual([]);
});

test("ephemerals of a silent session go when it expires, and not before [E2, N8]", async ({
  root,
  znodes,
  openSession,
  watch,
}) => {
  const stream = await watch(`path=${root}&scope=children`);
  await stream.untilEvent("synced");
  const session = await openSession({ timeoutMs: 1000 });
  const sentMs = performance.now();
  const { path } = await znodes.create(`${root}/e`, "", { query: "ephemeral=true", ...tokenOf(session) });
  const gone = await stream.untilEvent("change", 2);
  expect(performance.now() - sentMs).toBeGreaterThanOrEqual(1000);
  expect(gone.data).toMatchObject({ cause: "session_expired", session: session.id });
  expect(stream.changes).toEqual([`created ${path}`, `deleted ${path}`]);
});
