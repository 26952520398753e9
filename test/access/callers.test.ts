// Who asks, as it is kept between requests that show the same.

import { expect, vi } from "vitest";
import type { Access } from "../../src/core/access/access.ts";
import { test } from "../routes/server-fixture.ts";
import { addToken, turnOnAccess } from "../support/access.ts";

test("who shows a header is kept ready, unless it is longer than any of ours has to be", async ({
  http,
  keeper,
}) => {
  await turnOnAccess(keeper.store);
  const { authorization } = await addToken(keeper.store, { name: "web", policies: ["admin"] });
  const lookedUp = vi.spyOn(keeper.store.access as Access, "shownBy");
  const lookUpsOf = async (header: string) => {
    const before = lookedUp.mock.calls.length;
    for (let count = 0; count < 3; count += 1)
      expect((await http.get("/v1/znodes/", { headers: { authorization: header } })).status).toBe(200);
    return lookedUp.mock.calls.length - before;
  };
  /** The same token, with so many blanks before it. */
  const ofLength = (length: number) =>
    authorization.replace(" ", " ".repeat(length - authorization.length + 1));
  expect(await lookUpsOf(authorization)).toBe(1);
  expect(await lookUpsOf(ofLength(256))).toBe(1);
  expect(await lookUpsOf(ofLength(257))).toBe(3);
});
