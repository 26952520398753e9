import { expect, expectProblem, expectStatus, test, urlOf } from "./fixture.ts";

interface WatchView {
  readonly id: number;
  readonly paths: readonly string[];
  readonly scope: string;
  readonly state: string;
  readonly lagZxids: number;
}

test("every bound has a name and a value, and the history says how far back it goes", async ({ http }) => {
  const { bounds, history } = expectStatus(await http.get("/v1/limits"), 200).json<{
    bounds: Record<string, number>;
    history: Record<string, number>;
  }>();
  expect(bounds).toMatchObject({
    dataBytesMax: expect.any(Number),
    operationsMax: expect.any(Number),
    historyMessagesMax: expect.any(Number),
  });
  expect(history.oldestZxid).toBeLessThanOrEqual(history.zxid as number);
});

test("an operator sees who watches what, and can end it", async ({ http, root, watch }) => {
  const stream = await watch({ path: root, scope: "subtree" });
  await stream.untilEvent("synced");
  const { watches } = expectStatus(await http.get("/v1/admin/watches"), 200).json<{ watches: WatchView[] }>();
  const [mine, ...others] = watches.filter(({ paths }) => paths.includes(root));
  expect(others).toEqual([]);
  expect(mine).toMatchObject({ scope: "subtree", state: "live", lagZxids: 0 });
  expectStatus(await http.delete(`/v1/admin/watches/${mine?.id}`), 204);
  expect((await stream.untilEvent("bye")).data).toEqual({ reason: "ended_by_admin" });
  await stream.untilEnd();
  expectProblem(await http.delete(`/v1/admin/watches/${mine?.id}`), 404, "no_route");
});

test("watches are listed in pages", async ({ http, root, watch }) => {
  for (let count = 0; count < 3; count += 1) await (await watch({ path: root })).untilEvent("synced");
  const ids: number[] = [];
  for (let after: number | undefined = 0; after !== undefined; ) {
    const query = { limit: 1, after };
    const page: { watches: WatchView[]; next?: number } = (
      await http.get("/v1/admin/watches", { query })
    ).json();
    ids.push(...page.watches.filter(({ paths }) => paths.includes(root)).map(({ id }) => id));
    after = page.next;
  }
  expect(ids.length).toBe(3);
  expect(new Set(ids).size).toBe(3);
});

test.for(["limit=0", "limit=10001", "after=-1", "who=me"])(
  "a listing with %s is refused",
  async (query, { http }) => {
    expectProblem(await http.get("/v1/admin/watches", { query }), 400, "bad_request");
  },
);

test("a refusal for size names a limit that the listing of limits has, with the same value", async ({
  http,
  root,
}) => {
  const { bounds } = (await http.get("/v1/limits")).json<{ bounds: Record<string, number> }>();
  const data = "x".repeat((bounds.dataBytesMax as number) + 1);
  const json = { operations: [{ op: "set", path: root, data }] };
  const byOperation = expectProblem(await http.post("/v1/transactions", { json }), 413, "too_large");
  const byData = expectProblem(await http.put(urlOf(root), { body: data }), 413, "too_large");
  const body = " ".repeat((bounds.transactionBytesMax as number) + 1);
  const byBody = expectProblem(await http.post("/v1/transactions", { body }), 413, "too_large");
  const byBatch = expectProblem(await http.post("/v1/batch", { body }), 413, "too_large");
  const named = [byOperation, byData, byBody, byBatch].map(({ code, limit, limitValue }) => [
    code,
    limit,
    limitValue,
  ]);
  expect(named).toEqual([
    ["too_large", "dataBytesMax", bounds.dataBytesMax],
    ["too_large", "dataBytesMax", bounds.dataBytesMax],
    ["too_large", "transactionBytesMax", bounds.transactionBytesMax],
    ["too_large", "transactionBytesMax", bounds.transactionBytesMax],
  ]);
});
