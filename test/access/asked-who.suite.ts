// What the suites that run with access control on are worth: each of their servers asks everybody who they are, and what a
// test asks is asked by the admin.

import { once } from "node:events";
import { get, type IncomingMessage } from "node:http";
import { expect } from "vitest";
import { test as serverTest } from "../routes/server-fixture.ts";
import { Http } from "../support/http.ts";
import { test as processTest } from "../support/process.ts";
import { nameOfAdmin } from "../support/secret-of-admin.ts";

async function expectAsks(http: Http): Promise<void> {
  const [response] = (await once(get(`${http.url}/v1/znodes`), "response")) as [IncomingMessage];
  expect(response.resume().statusCode).toBe(401);
  const answers = [await http.get("/v1/whoami"), await fetch(`${http.url}/v1/whoami`)];
  for (const answer of answers) expect(await answer.json()).toMatchObject({ by: `token:${nameOfAdmin}` });
}

serverTest(
  "a server inside the test asks whoever asks who they are, and the test's requests show it",
  async ({ http }) => {
    await expectAsks(http);
  },
);

processTest("so does one that is started", async ({ start }) => {
  await expectAsks(new Http((await start()).url));
});
