// Numbers in names: given once, in the order of creation, whoever creates at once.

import { expect, expectProblem, expectStatus, test, urlOf, type Written, type Znodes } from "./fixture.ts";

function next(znodes: Znodes, prefix: string): Promise<Written> {
  return znodes.create(prefix, "", { query: "sequential=true" });
}

async function nextName(znodes: Znodes, prefix: string): Promise<string> {
  const { path } = await next(znodes, prefix);
  return path.slice(prefix.lastIndexOf("/") + 1);
}

test("numbers have ten digits, follow the prefix and count children made, not children there [Q1, Q3, Q5]", async ({
  root,
  znodes,
}) => {
  const names = [await nextName(znodes, `${root}/a-`), await nextName(znodes, `${root}/b`)];
  expect(names).toEqual(["a-0000000000", "b0000000001"]);
  await znodes.delete(`${root}/a-0000000000`);
  await znodes.delete(`${root}/b0000000001`);
  expect(await nextName(znodes, `${root}/a-`)).toBe("a-0000000002");
  expect((await znodes.stat(root)).cversion).toBe(5);
});

test("a create without a number uses one too, a refused one does not [Q2, Q4]", async ({
  http,
  root,
  znodes,
}) => {
  await znodes.create(`${root}/plain`);
  expectProblem(await http.post(urlOf(`${root}/plain`)), 409, "node_exists");
  expectProblem(
    await http.post(urlOf(`${root}/e-`), { query: "sequential=true&ephemeral=true" }),
    400,
    "session_required",
  );
  expect((await next(znodes, `${root}/n-`)).stat.sequence).toBe(1);
});

test("a parent made again counts from zero [Q6]", async ({ root, znodes }) => {
  await znodes.create(`${root}/q`);
  await next(znodes, `${root}/q/n-`);
  await znodes.delete(`${root}/q`, { query: "recursive=true" });
  await znodes.create(`${root}/q`);
  expect(await nextName(znodes, `${root}/q/n-`)).toBe("n-0000000000");
});

test("a name somebody took by hand is skipped [Q9]", async ({ root, znodes }) => {
  await znodes.create(`${root}/n-0000000001`);
  await znodes.create(`${root}/n-0000000002`);
  const { path, stat } = await next(znodes, `${root}/n-`);
  expect([path, stat.sequence]).toEqual([`${root}/n-0000000003`, 3]);
  expect(await nextName(znodes, `${root}/n-`)).toBe("n-0000000004");
});

test("fifty creates at once get fifty numbers, in the order of their zxids [Q8]", async ({
  root,
  znodes,
}) => {
  const creates = Array.from({ length: 50 }, (_, index) => next(znodes, `${root}/from-${index % 7}-`));
  const stats = (await Promise.all(creates)).map(({ stat }) => stat);
  const bySequence = stats.toSorted((a, b) => (a.sequence as number) - (b.sequence as number));
  expect(bySequence.map(({ sequence }) => sequence)).toEqual(Array.from({ length: 50 }, (_, index) => index));
  const zxids = bySequence.map(({ czxid }) => czxid);
  expect(zxids).toEqual(zxids.toSorted((a, b) => a - b));
  expect(new Set(zxids).size).toBe(50);
});

test("one client's creates have rising numbers and zxids [Q8, Z4]", async ({ root, znodes }) => {
  let last = (await next(znodes, `${root}/n-`)).stat;
  for (let round = 0; round < 20; round += 1) {
    const { stat } = await next(znodes, `${root}/n-`);
    expect(stat.sequence).toBe((last.sequence as number) + 1);
    expect(stat.czxid).toBeGreaterThan(last.czxid);
    last = stat;
  }
});

test("digits alone are a name where the prefix is a slash [P7]", async ({ http, root }) => {
  const answer = expectStatus(await http.post(`/v1/znodes${root}/`, { query: "sequential=true" }), 201);
  expect(answer.json<Written>().path).toBe(`${root}/0000000000`);
  expect(answer.header("location")).toBe(`/v1/znodes${root}/0000000000`);
});
