// An etcd that asks who is there: a server with a user that may use its own prefix and nothing else serves, goes on when
// its token has expired or users were changed, and is not let in with a wrong password.

import { generateKeyPairSync } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { Http } from "../support/http.ts";
import { makeDataDir, removeDataDir, ServerProcess } from "../support/process.ts";
import { Etcd, type EtcdMember } from "./etcd-process.ts";
import { etcdctl } from "./etcdctl.ts";

const asRoot = ["--user", "root:rules"];
const prefix = "/trees/one/";
const patience = { timeout: 30_000, interval: 100 };

function newFolder(): string {
  const folder = makeDataDir();
  onTestFinished(() => removeDataDir(folder));
  return folder;
}

/** With a user `tree` who may read and write below the prefix. */
async function etcdWithUsers(args: readonly string[], members = 1): Promise<Etcd> {
  const etcd = await Etcd.start(members, args);
  onTestFinished(() => etcd.stop());
  const { endpoints } = etcd;
  await etcdctl(endpoints, "user", "add", "root:rules");
  await etcdctl(endpoints, "user", "grant-role", "root", "root");
  await etcdctl(endpoints, "role", "add", "tree");
  await etcdctl(endpoints, "role", "grant-permission", "tree", "--prefix=true", "readwrite", prefix);
  await etcdctl(endpoints, "user", "add", "tree:secret");
  await etcdctl(endpoints, "user", "grant-role", "tree", "tree");
  await etcdctl(endpoints, "auth", "enable");
  return etcd;
}

/** Of a server that shows this password. */
function optionsOf({ endpoints }: Etcd, password: string) {
  const passwordFile = join(newFolder(), "password");
  writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
  const args = [
    ...["--log", "etcd", "--etcd-endpoints", endpoints.join(","), "--etcd-prefix", prefix],
    ...["--etcd-user", "tree", "--etcd-password-file", passwordFile],
  ];
  return { dataDir: newFolder(), args };
}

async function serving(etcd: Etcd) {
  const server = await ServerProcess.start(optionsOf(etcd, "secret"));
  onTestFinished(async () => {
    await server.kill();
  });
  const begun = server.logs.length;
  const complaints = () => server.logs.slice(begun).filter(({ level }) => level !== "info");
  return { http: new Http(server.url), complaints };
}

/** How often anybody has shown a password, to members that run. */
async function logins({ members }: Etcd): Promise<number> {
  const counts = members.filter(({ isRunning }) => isRunning).map(loginsAt);
  return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
}

async function loginsAt({ endpoint }: EtcdMember): Promise<number> {
  const metrics = await (await fetch(`${endpoint}/metrics`)).text();
  return Number(
    /^grpc_server_started_total\{.*grpc_method="Authenticate".*\} (\d+)$/m.exec(metrics)?.[1] ?? 0,
  );
}

/** Files with a pair of keys, as etcd is told of them. */
function jwtArgs(ttl: string): string[] {
  const folder = newFolder();
  const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const [publicFile, privateFile] = [join(folder, "jwt.pub"), join(folder, "jwt.key")];
  writeFileSync(publicFile, publicKey.export({ type: "spki", format: "pem" }));
  writeFileSync(privateFile, privateKey.export({ type: "pkcs1", format: "pem" }));
  const options = `pub-key=${publicFile},priv-key=${privateFile},sign-method=RS256,ttl=${ttl}`;
  return ["--auth-token", `jwt,${options}`];
}

test("with signed tokens, which expire, it goes on and nobody notices", async () => {
  const etcd = await etcdWithUsers(jwtArgs("2s"));
  const { http, complaints } = await serving(etcd);
  await http.post("/v1/znodes/w", { body: "0" });
  const stream = await http.stream("/v1/watch?path=/w&consistency=linearizable");
  await stream.untilEvent("synced");
  const before = await logins(etcd);
  for (let count = 1; count <= 3; count += 1) {
    await expect.poll(() => logins(etcd), patience).toBeGreaterThanOrEqual(before + count);
    expect((await http.put("/v1/znodes/w", { body: String(count) })).status).toBe(200);
  }
  await stream.untilChanges(3);
  expect(stream.events.map(({ event }) => event)).toEqual(["synced", "change", "change", "change"]);
  stream.close();
  expect(complaints()).toEqual([]);
});

test("with tokens of etcd's simple kind, which expire where they are not shown, it goes on at another member", async () => {
  const etcd = await etcdWithUsers(["--auth-token-ttl", "1"], 3);
  const { http } = await serving(etcd);
  await http.post("/v1/znodes/w", { body: "0" });
  const stream = await http.stream("/v1/watch?path=/w&consistency=linearizable");
  await stream.untilEvent("synced");
  // etcd does not say when one has expired.
  await wait(3000);
  await etcd.members[0]?.kill();
  expect(await logins(etcd)).toBe(0);
  await expect.poll(async () => (await http.put("/v1/znodes/w", { body: "1" })).status, patience).toBe(200);
  expect(await logins(etcd)).toBeGreaterThanOrEqual(1);
  await stream.untilChanges(1);
  stream.close();
});

test("when users are changed, and each token is of before, it goes on", async () => {
  const etcd = await etcdWithUsers(jwtArgs("10m"));
  const { http, complaints } = await serving(etcd);
  await http.post("/v1/znodes/w", { body: "0" });
  const before = await logins(etcd);
  await etcdctl(etcd.endpoints, ...asRoot, "user", "add", "somebody:else");
  expect((await http.put("/v1/znodes/w", { body: "1" })).status).toBe(200);
  // Of root and of the server.
  expect(await logins(etcd)).toBeGreaterThanOrEqual(before + 2);
  expect(complaints()).toEqual([]);
});

test("with a wrong password it does not begin, and says who refuses it", async () => {
  const etcd = await etcdWithUsers([]);
  const { code, logs } = await ServerProcess.runToEnd(optionsOf(etcd, "guessed"));
  expect([code, JSON.stringify(logs)]).toEqual([1, expect.stringContaining("etcd refuses this server")]);
});
