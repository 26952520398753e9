import { expect, expectProblem, expectStatus, type Session, test, tokenOf, urlOf } from "./fixture.ts";

const wrong = [
  ["a check whose exists is null", { op: "check", exists: null }],
  ["a set whose version is null", { op: "set", version: null }],
  ["a set whose version is text", { op: "set", version: "0" }],
  ["a create whose data is a number", { op: "create", data: 5 }],
  ["a create whose ephemeral is text", { op: "create", ephemeral: "false" }],
  ["an increment by text", { op: "increment", by: "1" }],
  ["an operation without a name", {}],
] as const;

test.for(wrong)(
  "%s is refused: a JSON value is of the type it is of, and no other",
  async ([, operation], { http, root }) => {
    const json = { operations: [{ path: root, ...operation }] };
    const problem = expectProblem(await http.post("/v1/transactions", { json }), 400, "bad_request");
    expect(problem.failedOperation).toBe(0);
    const batch = await http.post("/v1/batch", { json });
    expect(batch.json()).toMatchObject({ results: [{ status: 400, code: "bad_request" }] });
  },
);

test("a path that is a list is refused", async ({ http, root }) => {
  const json = { operations: [{ op: "delete", path: [root] }] };
  expectProblem(await http.post("/v1/transactions", { json }), 400, "bad_request");
  expect((await http.get(urlOf(root))).status).toBe(200);
});

test("a session's timeout that is text is refused", async ({ http }) => {
  expectProblem(await http.post("/v1/sessions", { json: { timeoutMs: "5000" } }), 400, "bad_request");
});

test("an operation that no transaction has is refused, and so is a check alone [O15]", async ({
  http,
  root,
}) => {
  const json = { operations: [{ op: "rename", path: root }] };
  expectProblem(await http.post("/v1/transactions", { json }), 400, "bad_request");
  expectProblem(await http.post("/v1/check", { json: { path: root } }), 404, "no_route");
});

test("a body that says null is none, as some generated clients say it, and is refused where one is needed", async ({
  http,
  root,
  openSession,
}) => {
  const headers = { "session-token": (await openSession()).token };
  const session = expectStatus(await http.post("/v1/sessions", { body: "null" }), 201).json<Session>();
  expect(expectStatus(await http.delete(`/v1/sessions/${session.id}`, tokenOf(session)), 204).text).toBe("");
  const claims = `/v1/locks${root}/claims`;
  const { id } = expectStatus(await http.post(claims, { body: "null", headers }), 201).json();
  expectStatus(await http.delete(`${claims}/${id}`, { headers }), 204);
  await http.delete(urlOf(`/locks${root}`));
  for (const path of ["/v1/transactions", "/v1/batch"])
    expectProblem(await http.post(path, { body: "null", headers }), 400, "bad_request");
});
