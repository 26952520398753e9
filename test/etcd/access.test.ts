// Access control of three servers, each a process of its own, over etcd: turned on at one of them, it is on at all, and
// whoever is told that a token is revoked can count on it everywhere.

import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { rounds } from "../support/effort.ts";
import { Http } from "../support/http.ts";
import { cliFile } from "../support/programs.ts";
import { Cluster } from "./cluster.ts";

const roundCount = rounds({ usual: 6, full: 60 });

type Bearer = { readonly authorization: string };

/** The first token, as an operator makes it: in the folder of one server, which takes it over when it starts. */
async function turnOn(cluster: Cluster): Promise<Bearer> {
  await cluster.server(0).terminate();
  const init = [cliFile, "token", "init", "--data-dir", cluster.dataDir(0)];
  const secret = execFileSync(process.execPath, init, {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  await cluster.startServer(0);
  return { authorization: `Bearer ${secret.trim()}` };
}

async function makeToken(http: Http, name: string, by: Bearer): Promise<Bearer & { readonly zxid: number }> {
  const answer = await http.post("/v1/admin/tokens", { json: { name, policies: ["admin"] }, headers: by });
  expect(answer.status).toBe(201);
  return { authorization: `Bearer ${answer.json().secret}`, zxid: answer.zxid };
}

test("a revocation at one of three servers holds at all once its answer is given and Min-Zxid is sent [Z6]", async ({
  onTestFinished,
}) => {
  const cluster = await Cluster.start({ servers: 3, members: 1 });
  onTestFinished(() => cluster.stop());
  const admin = await turnOn(cluster);
  const sites = cluster.urls.map((url) => new Http(url));
  for (let round = 0; round < roundCount; round += 1) {
    const [here, there] = [sites[round % 3] as Http, sites[(round + 1) % 3] as Http];
    const name = `web-${round}`;
    const { zxid: madeZxid, authorization } = await makeToken(there, name, admin);
    const path = `/v1/znodes/${name}`;
    const askAll = (zxid: number) => {
      const headers = { authorization, "min-zxid": String(zxid) };
      return Promise.all(sites.map((site) => site.get("/v1/znodes", { headers })));
    };
    for (const { status } of await askAll(madeZxid)) expect(status).toBe(200);
    const { zxid, status } = await here.delete(`/v1/admin/tokens/${name}`, {
      headers: { ...admin, "min-zxid": String(madeZxid) },
    });
    expect(status).toBe(204);
    // A write is decided behind it in any case, whatever its server has heard of yet.
    const late = sites.map((site) => site.post(path, { headers: { authorization } }));
    for (const { code } of await askAll(zxid)) expect(code).toBe("unauthenticated");
    for (const { code } of await Promise.all(late)) expect(code).toBe("unauthenticated");
    const found = await there.get(path, { headers: { ...admin, "min-zxid": String(zxid) } });
    expect(found.code).toBe("no_node");
  }
});
