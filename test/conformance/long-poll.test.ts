import { expect, expectProblem, expectStatus, test, urlOf } from "./fixture.ts";

test("a long poll on a znode answers with what it became, as soon as it became it", async ({
  http,
  root,
}) => {
  const { zxid } = expectStatus(await http.get(urlOf(root)), 200);
  const polled = http.get(urlOf(root), { query: { waitAfterZxid: zxid, waitMs: 20_000 } });
  expectStatus(await http.put(urlOf(root), { body: "new" }), 200);
  expect(expectStatus(await polled, 200).json()).toMatchObject({ path: root, data: "new" });
});

test("a long poll does not miss what happened before it was asked", async ({ http, root }) => {
  const { zxid } = expectStatus(await http.get(urlOf(root)), 200);
  expectStatus(await http.put(urlOf(root), { body: "already" }), 200);
  const answer = await http.get(urlOf(root), { query: { waitAfterZxid: zxid, waitMs: 20_000 } });
  expect(answer.json()).toMatchObject({ data: "already" });
});

test("a long poll hears of a creation and of a deletion", async ({ http, root }) => {
  const child = urlOf(`${root}/child`);
  const { zxid } = expectProblemZxid(await http.get(child));
  const created = http.get(child, { query: { waitAfterZxid: zxid, waitMs: 20_000 } });
  const { zxid: createdZxid } = expectStatus(await http.post(child), 201);
  expectStatus(await created, 200);
  const deleted = http.get(child, { query: { waitAfterZxid: createdZxid, waitMs: 20_000 } });
  expectStatus(await http.delete(child), 204);
  expectProblem(await deleted, 404, "no_node");
});

test("a long poll without a change answers with what is there when its time is up", async ({
  http,
  root,
}) => {
  const { zxid } = expectStatus(await http.get(urlOf(root)), 200);
  const started = performance.now();
  const answer = await http.get(urlOf(root), { query: { waitAfterZxid: zxid, waitMs: 320 } });
  expect(performance.now() - started).toBeGreaterThanOrEqual(295);
  expect(expectStatus(answer, 200).json()).toMatchObject({ path: root, data: "" });
});

test("a long poll on children hears of children coming and going, and of nothing inside them [W8]", async ({
  http,
  root,
}) => {
  const list = `/v1/children${encodeURI(root)}`;
  const child = urlOf(`${root}/child`);
  const { zxid } = expectStatus(await http.get(list), 200);
  const polled = http.get(list, { query: { waitAfterZxid: zxid, waitMs: 20_000 } });
  const { zxid: createdZxid } = expectStatus(await http.post(child), 201);
  expect((await polled).json()).toMatchObject({ children: ["child"] });
  const quiet = http.get(list, { query: { waitAfterZxid: createdZxid, waitMs: 300 } });
  expectStatus(await http.put(child, { body: "inside" }), 200);
  expect((await quiet).json()).toMatchObject({ children: ["child"] });
  const emptied = http.get(list, { query: { waitAfterZxid: createdZxid, waitMs: 20_000 } });
  expectStatus(await http.delete(child), 204);
  expect((await emptied).json()).toMatchObject({ children: [] });
});

test.for([
  ["waitMs alone", { waitMs: 100 }],
  ["a wait that is too long", { waitAfterZxid: 0, waitMs: 60_001 }],
  ["a negative wait", { waitAfterZxid: 0, waitMs: -1 }],
  ["a zxid that is no number", { waitAfterZxid: "soon" }],
] as const)("%s is refused", async ([, query], { http, root }) => {
  expectProblem(await http.get(urlOf(root), { query }), 400, "bad_request");
});

function expectProblemZxid<T extends { status: number }>(answer: T): T {
  expect(answer.status).toBe(404);
  return answer;
}
