// Settings that make no sense stop the start with a sentence, before anything is written.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { settingVariables } from "../../src/settings/environment.ts";
import { Http } from "../support/http.ts";
import { ServerProcess, test } from "../support/process.ts";

const senseless = [
  [["--port", "70000"], "from 0 to 65535"],
  [["--port", "http"], "whole number"],
  [["--host", ""], "may not be empty"],
  [["--allowed-hosts", "http://tree.example"], "names such as"],
  [["--allowed-hosts", "tree.example:2281"], "names such as"],
  [["--trust-proxy", "proxy.example"], "addresses of your proxies"],
  [["--trust-proxy", "0.0.0.0/0"], "at least /8"],
  [["--trust-proxy", "127.0.0.1,::/0"], "at least /8"],
  [["--log-level", "loud"], "one of trace"],
  [["--tls-client-ca", "ca.crt"], "needs --tls-cert"],
  [
    ["--tls-cert", "a", "--tls-key", "b", "--tls-client-ca", "c", "--cors-origin", "*"],
    "would let any page write by its reader's certificate",
  ],
  [["--jwt-audience", "treekeeper"], "need --jwt-keys"],
  [["--log", "etcd"], "needs --etcd-endpoints"],
  [["--etcd-endpoints", "http://127.0.0.1:2379"], "needs --log etcd"],
  [["--log", "etcd", "--etcd-endpoints", "127.0.0.1:2379"], "addresses with ports"],
  [["--log", "etcd", "--etcd-endpoints", "http://a:1,https://b:1"], "all http or all https"],
  [["--log", "etcd", "--etcd-endpoints", "http://a:1", "--etcd-user", "tree"], "go together"],
  [["--housekeeper-timeout-ms", "4999"], "from 5000"],
  [["--etcd-prefix", "treekeeper"], "begins and ends with a slash"],
  [["--data-bytes-max", "1MB"], "number of bytes"],
  [["--session-timeout-ms-min", "1"], "from 100"],
  [["--session-timeout-ms-min", "5000", "--session-timeout-ms-max", "4000"], "is above"],
  [["--session-timeout-ms-default", "10"], "from 100"],
  [["--session-timeout-ms-default", "500"], "not between"],
  [["--header-bytes-max", "32KiB"], "is below 40960, which a request for a path"],
  [["--path-length-max", "16384"], "is below 151552"],
  [["--checkpoint-bytes", "64MiB", "--wal-bytes-max", "1MiB"], "is above"],
  [["--data-bytes-max", "32MiB"], "does not fit into --entry-bytes-max"],
  [["--transaction-bytes-max", "17MiB"], "is above --entry-bytes-max"],
  [["--tree-bytes-max", "1024GiB"], "above three quarters of the heap"],
  [["--ephemerals-per-session-max", "5001"], "above half of --transaction-changes-max"],
  [["--no-such-setting", "1"], "unknown option"],
  [["surplus"], "too many arguments"],
] as const;

test("each senseless setting is named in a sentence, with exit code 1, and nothing is made", {
  timeout: 180_000,
}, async ({ dataDir }) => {
  const folder = join(dataDir, "fresh");
  const starts = senseless.map(async ([args, reason]) => {
    const { code, stderr } = await ServerProcess.runToEnd({ dataDir: folder, args });
    return { args, code, stderr, reason };
  });
  for (const { args, code, stderr, reason } of await Promise.all(starts)) {
    expect(code, args.join(" ")).toBe(1);
    expect(stderr, args.join(" ")).toMatch(new RegExp(`^error: .*${reason}`));
    expect(stderr.trim().split("\n")).toHaveLength(1);
  }
  expect(existsSync(folder)).toBe(false);
});

test("what one client may have follows from what there is, unless it is set", async ({ start }) => {
  const args = ["--streams-max", "10", "--connections-max", "200", "--rate-per-second", "500"];
  const set = ["--sessions-per-client-max", "1", "--waits-per-client-max", "7"];
  const http = new Http((await start(...args, ...set)).url);
  expect((await http.get("/v1/limits")).json().bounds).toMatchObject({
    ...{ streamsPerClientMax: 8, connectionsPerClientMax: 150, rateBurst: 1000, rateClientsMax: 50_000 },
    ...{ queueCommandsPerClientMax: 5000, queueBytesPerClientMax: 33_554_432 },
    ...{ answerBytesPerClientMax: 100_663_296, sessionsPerClientMax: 1, waitsPerClientMax: 7 },
  });
  expect((await http.post("/v1/sessions")).status).toBe(201);
  const refused = await http.post("/v1/sessions");
  expect(refused.json()).toMatchObject({ status: 429, limit: "sessionsPerClientMax", limitValue: 1 });
});

test("a setting may come from the environment, and a flag goes before it", async ({ dataDir }) => {
  const env = { TREEKEEPER_DATA_BYTES_MAX: "10", TREEKEEPER_OPERATIONS_MAX: "2" };
  const server = await ServerProcess.start({ dataDir, env, args: ["--operations-max", "3"] });
  const http = new Http(server.url);
  const tooLong = await http.post("/v1/znodes/a", { body: "x".repeat(11) });
  expect([tooLong.status, tooLong.json().limitValue]).toEqual([413, 10]);
  const operations = Array.from({ length: 4 }, () => ({ op: "check", path: "/" }));
  const tooMany = await http.post("/v1/transactions", { json: { operations } });
  expect([tooMany.status, tooMany.json().limitValue]).toEqual([413, 3]);
  await server.kill();
  const wrong = await ServerProcess.runToEnd({ dataDir, env: { TREEKEEPER_LOG_LEVEL: "loud" } });
  expect([wrong.code, wrong.stderr]).toEqual([1, expect.stringContaining("TREEKEEPER_LOG_LEVEL")]);
});

test("what Kubernetes and Docker put into the environment for a service of this name is no setting", async ({
  dataDir,
}) => {
  const env = {
    TREEKEEPER_SERVICE_HOST: "10.96.0.5",
    TREEKEEPER_SERVICE_PORT: "2281",
    TREEKEEPER_PORT: "tcp://10.96.0.5:2281",
    TREEKEEPER_PORT_2281_TCP: "tcp://10.96.0.5:2281",
    TREEKEEPER_PORT_2281_TCP_PROTO: "tcp",
    TREEKEEPER_PORT_2281_TCP_PORT: "2281",
    TREEKEEPER_PORT_2281_TCP_ADDR: "10.96.0.5",
    TREEKEEPER_NAME: "/web/treekeeper",
  };
  const server = await ServerProcess.start({ dataDir, env });
  expect((await new Http(server.url).get("/livez")).status).toBe(200);
  const ofVariables = server.logs.map(({ msg }) => msg).filter((msg) => msg.startsWith("TREEKEEPER_"));
  expect(ofVariables).toEqual([
    "TREEKEEPER_PORT is an address made by Kubernetes or Docker, not a setting; ignored",
  ]);
  await server.kill();
});

test("no setting has a name that Kubernetes or Docker give a number, a host or a protocol", () => {
  const given =
    /_(?:SERVICE_(?:HOST|PORT(?:_\w+)?)|PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?|NAME)$/;
  expect(settingVariables.filter((name) => given.test(name))).toEqual([]);
});

test("a variable that is set to nothing is as one that is not set", async ({ dataDir }) => {
  const env = { TREEKEEPER_HOST: "", TREEKEEPER_PORT: "", TREEKEEPER_LOG_LEVEL: "", TREEKEEPER_TLS_CERT: "" };
  const server = await ServerProcess.start({ dataDir, env });
  expect(new URL(server.url).hostname).toBe("127.0.0.1");
  await server.kill();
});

test("a folder that cannot be used stops the start with a sentence", async ({ dataDir }) => {
  const file = join(dataDir, "file");
  writeFileSync(file, "not a folder");
  for (const folder of [file, join(file, "below")]) {
    const { code, logs } = await ServerProcess.runToEnd({ dataDir: folder });
    expect([code, logs.at(-1)?.msg]).toEqual([1, expect.stringMatching(/^could not start: ./)]);
  }
  expect(readFileSync(file, "utf8")).toBe("not a folder");
});
