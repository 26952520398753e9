// What locks, elections, counters, barriers and services there are, in pages, each in a few words.

import { randomBytes } from "node:crypto";
import { expect, expectProblem, expectStatus, test, tokenOf, urlOf } from "./fixture.ts";

type Listed = Record<string, unknown> & { readonly next?: string };

test("locks, elections, counters, barriers and services are listed, each in a few words", async ({
  http,
  openSession,
}) => {
  const name = `list-${randomBytes(8).toString("hex")}`;
  const [one, two] = [tokenOf(await openSession()), tokenOf(await openSession())];
  const list = async (kind: string): Promise<Listed> =>
    expectStatus(await http.get(`/v1/${kind}`, { query: { prefix: name } }), 200).json<never>();
  expectStatus(await http.put(`/v1/locks/${name}`, { json: { lockDelayMs: 5 } }), 200);
  for (const [session, waitMs] of [
    [one, 0],
    [two, 1],
  ] as const) {
    await http.post(`/v1/locks/${name}/claims`, { json: { waitMs }, ...session });
    await http.post(`/v1/elections/${name}/candidates`, { json: { value: "é:1" }, ...session });
  }
  await http.post(`/v1/counters/${name}`, { json: { by: 42 } });
  await http.post(urlOf(`/counters/${name}-none`), { body: "text" });
  await http.post(`/v1/barriers/${name}`, { json: { action: "enter", count: 2 }, ...one });
  await http.put(`/v1/services/${name}/instances/i`, { json: { address: "a", port: 1 }, ...one });
  expect(await list("locks")).toEqual({
    locks: [{ name, permits: 1, lockDelayMs: 5, holderCount: 1, waitingCount: 1 }],
  });
  const { elections } = await list("elections");
  expect(elections).toMatchObject([{ name, leader: "c-0000000000", value: "é:1", candidateCount: 2 }]);
  const { counters } = await list("counters");
  expect(counters).toMatchObject([
    { name, value: 42 },
    { name: `${name}-none`, value: null },
  ]);
  expect(await list("barriers")).toEqual({
    barriers: [{ name, count: 2, participantCount: 1, open: false }],
  });
  expect(await list("services")).toEqual({ services: [{ name, instanceCount: 1 }] });
  for (const kind of ["locks", "elections", "counters", "barriers", "services"]) {
    await http.delete(urlOf(`/${kind}/${name}`), { query: "recursive=true" });
  }
  await http.delete(urlOf(`/counters/${name}-none`));
});

test("a list goes on after the last name of its page, and refuses what is none", async ({ http }) => {
  const prefix = `page-${randomBytes(8).toString("hex")}-`;
  const names = ["a", "b", "c", "d", "e"].map((letter) => prefix + letter);
  for (const name of names) await http.post(`/v1/counters/${name}`, { json: {} });
  const seen: string[] = [];
  for (let next: string | undefined = ""; next !== undefined; ) {
    const query: Record<string, string | number> = { prefix, limit: 2, ...(next !== "" && { after: next }) };
    const page = expectStatus(await http.get("/v1/counters", { query }), 200).json<{
      counters: { name: string }[];
      next?: string;
    }>();
    expect(page.counters.length).toBeLessThanOrEqual(2);
    seen.push(...page.counters.map(({ name }) => name));
    next = page.next;
  }
  expect(seen).toEqual(names);
  for (const kind of ["locks", "elections", "counters", "barriers", "services"]) {
    expectProblem(await http.get(`/v1/${kind}`, { query: { after: "a/b" } }), 400, "bad_path");
    expectProblem(await http.get(`/v1/${kind}`, { query: { limit: 0 } }), 400, "bad_request");
    expectProblem(await http.get(`/v1/${kind}`, { query: { what: "?" } }), 400, "bad_request");
  }
  for (const name of names) await http.delete(urlOf(`/counters/${name}`));
});
