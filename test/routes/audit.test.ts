// Which requests are noted in the audit log, what is said of them, and what never is.

import Fastify from "fastify";
import { expect, vi } from "vitest";
import { auditRequests, unauditedOperations } from "../../src/routes/http/audit.ts";
import type { Audit } from "../../src/routes/http/audited-request.ts";
import { passAnswers } from "../../src/routes/http/every-request.ts";
import { readDocumentFile } from "../support/document.ts";
import type { Http } from "../support/http.ts";
import { test as base, serveFor } from "./server-fixture.ts";

type Facts = Parameters<Audit["note"]>[0];

interface AuditedFixture {
  /** What was noted, as it stands in the file: what is undefined is not there. */
  noted: Facts[];
  audited: Http;
}

const test = base.extend<AuditedFixture>({
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the fixtures a fixture needs from this pattern
  noted: async ({}, use) => use([]),
  audited: async ({ keeper, watches, noted }, use) => {
    const note = (facts: Facts) => void noted.push(JSON.parse(JSON.stringify(facts)));
    const audit = { note, whoOf: () => ({ by: "somebody" }) };
    const { http, close } = await serveFor(keeper, watches, { audit });
    await use(http);
    await close();
  },
});

const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const commons = { by: "somebody", address: "127.0.0.1" };

async function openSession(http: Http) {
  const { id, token } = (await http.post("/v1/sessions")).json<{ id: string; token: string }>();
  return { id, headers: { "session-token": token } };
}

test("a write is noted with who, from where, what, and what became of it", async ({ audited, noted }) => {
  await audited.post("/v1/znodes/a%20b", { body: "data", headers: { traceparent } });
  await audited.post("/v1/znodes/n-", { query: "sequential=true" });
  await audited.delete("/v1/znodes/none");
  await audited.put("/v1/znodes/a%20b", { body: "more", query: "version=7" });
  await audited.put("/v1/acl/a%20b", { json: { acl: [{ perms: [], scheme: "world", id: "anyone" }] } });
  await audited.put("/v1/znodes/%ff");
  expect(noted).toEqual([
    {
      ...{ event: "write", ...commons, operation: "createZnode", path: "/a b", zxid: 1, status: 201 },
      traceparent,
    },
    { event: "write", ...commons, operation: "createZnode", path: "/n-0000000001", zxid: 2, status: 201 },
    {
      ...{ event: "write", ...commons, operation: "deleteZnode", path: "/none", zxid: 2 },
      ...{ status: 404, code: "no_node" },
    },
    {
      ...{ event: "write", ...commons, operation: "setZnode", path: "/a b", zxid: 2 },
      ...{ status: 412, code: "bad_version" },
    },
    { event: "write", ...commons, operation: "setAcl", path: "/a b", zxid: 3, status: 200 },
  ]);
});

test("recipes are noted by the paths of their znodes, and sessions by their ids", async ({
  audited,
  noted,
}) => {
  const { id, headers } = await openSession(audited);
  await audited.post("/v1/locks/jobs/claims", { json: {}, headers });
  await audited.delete("/v1/locks/jobs/claims/x-0000000000", { headers });
  await audited.put("/v1/locks/jobs", { json: { permits: 2 } });
  await audited.post("/v1/elections/m/candidates", { json: {}, headers });
  await audited.put("/v1/services/web/instances/a", { json: { address: "h", port: 80 }, headers });
  await audited.post("/v1/counters/hits", { json: {} });
  await audited.post("/v1/barriers/b", { json: { action: "enter", count: 1 }, headers });
  await audited.delete(`/v1/sessions/${id}`, { headers });
  // By mistake, a token where the id belongs.
  await audited.delete(`/v1/sessions/${headers["session-token"]}`, { headers });
  expect(noted.map(({ operation, path, session, status }) => [operation, path ?? session, status])).toEqual([
    ["openSession", id, 201],
    ["claimLock", "/locks/jobs/x-0000000000", 201],
    ["releaseClaim", "/locks/jobs/x-0000000000", 204],
    ["configureLock", "/locks/jobs", 200],
    ["standForElection", "/elections/m/c-0000000000", 201],
    ["registerInstance", "/services/web/a", 201],
    ["addToCounter", "/counters/hits", 200],
    ["passBarrier", "/barriers/b", 201],
    ["closeSession", id, 204],
    ["closeSession", undefined, 410],
  ]);
});

test("what only reads is not noted, be it a POST, a keepalive or the rehearsal of an import", async ({
  audited,
  noted,
}) => {
  const { id, headers } = await openSession(audited);
  await audited.post("/v1/znodes/a");
  noted.length = 0;
  await audited.get("/v1/znodes/a");
  await audited.get("/v1/znodes/none");
  await audited.get("/v1/nothing");
  await audited.post("/v1/nothing");
  await audited.post("/v1/sync");
  await audited.put(`/v1/sessions/${id}`, { headers });
  await audited.post("/v1/sessions/keepalive", { json: { tokens: [headers["session-token"]] } });
  await audited.post("/v1/import", { query: "dryRun=true", body: '{"path":"/b","data":""}\n' });
  await audited.post("/v1/batch", {
    json: {
      operations: [
        { op: "get", path: "/a" },
        { op: "exists", path: "/a" },
      ],
    },
  });
  expect(noted).toEqual([]);
});

test("each operation of the document that may change something is noted", async ({ audited, noted }) => {
  const operations = Object.entries(readDocumentFile().paths).flatMap(([url, methods]) =>
    Object.entries(methods).map(([method, { operationId }]) => ({ url, method, operationId })),
  );
  const writes = operations.filter(({ method }) => ["post", "put", "patch", "delete"].includes(method));
  const known = new Set(writes.map(({ operationId }) => operationId as string));
  for (const operation of unauditedOperations) expect(known).toContain(operation);
  for (const { url, method } of writes) {
    await audited.request(method.toUpperCase(), url.replaceAll(/\{\w+\}/g, "x"), { json: {} });
  }
  const named = new Set(noted.map(({ operation }) => operation));
  expect([...known].filter((name) => named.has(name) === unauditedOperations.has(name))).toEqual([]);
  const aboutNothing = noted.filter(({ path, session }) => path === undefined && session === undefined);
  expect(aboutNothing.map(({ operation }) => operation).sort()).toEqual([
    ...["closeSession", "importTree", "importTreeWithProgress", "runBatch", "transact"],
  ]);
});

test("acts of operators and places taken by force have names of their own", async ({ audited, noted }) => {
  const { id, headers } = await openSession(audited);
  await audited.post("/v1/znodes/q");
  await audited.post("/v1/locks/jobs/claims", { json: {}, headers });
  await audited.put("/v1/services/web/instances/a", { json: { address: "h", port: 80 }, headers });
  noted.length = 0;
  const query = "force=true";
  await audited.put("/v1/quotas/q", { json: { countMax: 5 } });
  await audited.delete("/v1/quotas/q");
  await audited.delete("/v1/admin/watches/none");
  await audited.get("/v1/admin/backup");
  // It is noted when it has been given back.
  await expect.poll(() => noted.length).toBe(4);
  await audited.delete("/v1/locks/jobs/claims/x-0000000000", { query });
  await audited.delete("/v1/locks/jobs/claims/x-0000000000", { query });
  await audited.delete("/v1/services/web/instances/a", { query });
  expect(noted.map(({ event, operation, path, owner }) => [event, operation, path, owner])).toEqual([
    ["admin", "setQuota", "/q", undefined],
    ["admin", "deleteQuota", "/q", undefined],
    ["admin", "endWatch", "/admin/watches/none", undefined],
    ["admin", "takeBackup", "/admin/backup", undefined],
    ["forced_release", "releaseClaim", "/locks/jobs/x-0000000000", id],
    ["write", "releaseClaim", "/locks/jobs/x-0000000000", undefined],
    ["forced_release", "deregisterInstance", "/services/web/a", id],
  ]);
});

test("a transaction and a batch are noted with their operations, so many as fit into a line", async ({
  audited,
  noted,
}) => {
  const creates = Array.from({ length: 150 }, (_, n) => ({ op: "create", path: `/t${n}` }));
  await audited.post("/v1/transactions", { json: { operations: creates } });
  const batch = [
    { op: "get", path: "/t1" },
    { op: "delete", path: "/none" },
    { op: "delete", path: "/t1" },
    { op: "what\u001b[2J".repeat(9), path: 7 },
  ];
  await audited.post("/v1/batch", { json: { operations: batch } });
  const long = Array.from({ length: 50 }, (_, n) => ({ op: "check", path: `/${n}${"x".repeat(4000)}` }));
  await audited.post("/v1/transactions", { json: { operations: long } });
  const [first, second, third] = noted as [Facts, Facts, Facts];
  expect(first).toMatchObject({ status: 200, operationCount: 150 });
  expect(first.operations).toEqual(creates.slice(0, 100));
  expect(second).toMatchObject({ status: 200, operationCount: 4, refused: 2 });
  expect(second.operations).toMatchObject([
    { op: "delete", path: "/none" },
    { op: "delete", path: "/t1" },
    { path: "" },
  ]);
  expect(third).toMatchObject({ status: 404, code: "no_node", operationCount: 50 });
  expect(JSON.stringify(third).length).toBeLessThan(25_000);
});

test("an import is noted by its root, and one that is told of while it goes on at its end", async ({
  audited,
  noted,
}) => {
  const line = (path: string) => `${JSON.stringify({ path, data: "" })}\n`;
  await audited.post("/v1/import", { body: line("/one") + line("/one/a") });
  const many = Array.from({ length: 1200 }, (_, n) => line(`/two/${n}`)).join("");
  const answer = await audited.post("/v1/import-with-progress", { body: `${line("/two")}${many}nonsense\n` });
  expect(answer.text).toContain("event: failed");
  await audited.delete("/v1/tree-with-progress/two");
  expect(noted).toMatchObject([
    { operation: "importTree", path: "/one", status: 200 },
    { operation: "importTreeWithProgress", path: "/two", status: 200, code: "bad_request" },
    { operation: "deleteTreeWithProgress", path: "/two", status: 200 },
  ]);
  const [, imported, deleted] = noted as [Facts, Facts, Facts];
  expect(imported.code).toBe("bad_request");
  expect(deleted).not.toHaveProperty("code");
  expect(deleted.zxid).toBeGreaterThan(imported.zxid as number);
});

test("who left while it waited is noted as one who left", async ({ audited, noted }) => {
  const [one, two] = [await openSession(audited), await openSession(audited)];
  await audited.post("/v1/locks/jobs/claims", { json: {}, headers: one.headers });
  noted.length = 0;
  const stream = await audited.stream("/v1/watch", { query: "path=/locks/jobs&scope=subtree" });
  await stream.untilEvent("synced");
  const socket = await audited.connect();
  const body = JSON.stringify({ waitMs: 60_000 });
  socket.write(
    `POST /v1/locks/jobs/claims HTTP/1.1\r\nHost: localhost\r\nSession-Token: ${two.headers["session-token"]}\r\n` +
      `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
  await stream.untilChanges(1);
  expect(noted).toEqual([]);
  socket.destroy();
  expect(await stream.untilChanges(2)).toEqual([
    ...["created /locks/jobs/x-0000000001", "deleted /locks/jobs/x-0000000001"],
  ]);
  stream.close();
  await vi.waitFor(() => expect(noted).toHaveLength(1));
  expect(noted).toMatchObject([{ operation: "claimLock", path: "/locks/jobs", left: true, ...commons }]);
  expect(noted[0]).not.toHaveProperty("status");
});

test("an answer that was given before is noted as one", async ({ audited, noted }) => {
  const headers = { "idempotency-key": "4f1c" };
  for (const _ of [1, 2]) await audited.post("/v1/znodes/a", { headers });
  expect(noted.map(({ replayed }) => replayed)).toEqual([undefined, true]);
});

test("a traceparent is noted only in the form of the W3C", async ({ audited, noted }) => {
  const others = [
    "",
    "x",
    traceparent.toUpperCase(),
    `${traceparent}-more`,
    traceparent.replace("00-", "ff-"),
    traceparent.replace("4bf92f3577b34da6a3ce929d0e0e4736", "0".repeat(32)),
    traceparent.replace("00f067aa0ba902b7", "0".repeat(16)),
    `${traceparent}, ${traceparent}`,
  ];
  for (const other of others) await audited.post("/v1/znodes/a", { headers: { traceparent: other } });
  expect(noted).toHaveLength(others.length);
  for (const facts of noted) expect(facts).not.toHaveProperty("traceparent");
});

test("a page of another site that may not write is noted as forbidden, and a path of any length in bounds", async ({
  audited,
  noted,
}) => {
  await audited.post("/v1/znodes/a", { headers: { origin: "https://evil.example" } });
  await audited.post(`/v1/znodes/${"p".repeat(9000)}`);
  await audited.delete(`/v1/locks/${"n".repeat(9000)}/claims/x`);
  expect(noted).toMatchObject([
    { event: "forbidden", operation: "createZnode", path: "/a", status: 403, code: "forbidden" },
    { event: "write", code: "bad_path" },
    { event: "write" },
  ]);
  for (const { path } of noted) expect((path as string).length).toBeLessThanOrEqual(4099);
});

test("what was refused for want of credentials is noted whatever it asked for", async () => {
  const noted: Facts[] = [];
  const app = Fastify();
  const parts = { note: (facts: Facts) => void noted.push(facts), whoOf: () => ({ by: "anyone" }) };
  passAnswers(app, [auditRequests(app, { ...parts, pathLengthMax: 100, zxid: () => 7 })]);
  app.get("/v1/znodes/*", { schema: { operationId: "getZnode" } as object }, (_request, reply) =>
    reply.code(401).send({ code: "unauthenticated" }),
  );
  await app.inject("/v1/znodes/a");
  await app.close();
  expect(noted).toMatchObject([
    { event: "unauthenticated", operation: "getZnode", path: "/a", status: 401, zxid: 7, by: "anyone" },
  ]);
});
