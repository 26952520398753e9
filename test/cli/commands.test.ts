// Each command of the command line against a real server: what it prints as text and as JSON, and how it ends.

import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, expect } from "vitest";
import { Client } from "../../src/client/client.ts";
import { CliProcess, ownTest, test } from "./fixture.ts";

function jsonLines(text: string): unknown[] {
  return text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
}

describe("znodes", () => {
  test("create makes a znode and prints its path, with its number where it has one [C1]", async ({
    output,
  }) => {
    expect(await output("create", "/made/b", "text", "--parents")).toBe("/made/b\n");
    expect(await output("create", "/made/job-", "--sequential")).toBe("/made/job-0000000001\n");
    const made = JSON.parse(await output("create", "/container", "--container", "--json"));
    expect(made).toMatchObject({ path: "/container", stat: { container: true } });
  });

  test("get prints the data byte for byte, and as JSON with its stat", async ({
    cli,
    run,
    dataDir,
    client,
  }) => {
    const bytes = Uint8Array.from([0, 255, 10, 27]);
    const file = join(dataDir, "bytes");
    writeFileSync(file, bytes);
    expect(await run("create", "/bytes", "--file", file)).toMatchObject({ code: 0 });
    expect((await client.get("/bytes")).data.bytes()).toEqual(bytes);
    expect(await cli(["create", "/text", "--file", "-"], { input: "from outside" }).ended).toMatchObject({
      code: 0,
    });
    expect(await run("get", "/text")).toEqual({ code: 0, signal: null, stdout: "from outside", stderr: "" });
    const [json] = jsonLines((await run("get", "/bytes", "--json")).stdout);
    expect(json).toMatchObject({
      path: "/bytes",
      dataBase64: "AP8KGw==",
      stat: { version: 0, dataLength: 4 },
    });
  });

  test("what reads takes --stale, and shows the same as long as the log is within reach", async ({
    output,
  }) => {
    await output("create", "/read/below", "x", "--parents");
    for (const command of ["get", "stat", "ls", "tree"])
      expect(await output(command, "/read", "--stale")).toBe(await output(command, "/read"));
    expect(await output("ls", "/read", "--long", "--stale")).toContain("below");
  });

  test("set replaces data from an argument or standard input, and keeps to a version [S3]", async ({
    cli,
    run,
  }) => {
    expect(await run("set", "/set", "none yet")).toMatchObject({ code: 3 });
    expect(await run("set", "/set", "one", "--create")).toMatchObject({ code: 0, stdout: "" });
    expect(await cli(["set", "/set", "--json"], { input: "two" }).ended).toMatchObject({ code: 0 });
    expect((await run("get", "/set")).stdout).toBe("two");
    const late = await run("set", "/set", "three", "--if-version", "0");
    expect(late).toMatchObject({ code: 4, stdout: "" });
    expect(late.stderr).toMatch(
      /^treekeeper: \/set is at version 1 .*, not at version 0. \(bad_version\)\n$/,
    );
  });

  test("no data is set where none was said, and create takes what a pipe brings", async ({
    cli,
    run,
    client,
  }) => {
    await client.create("/kept", "data");
    const { code, stderr } = await run("set", "/kept");
    expect([code, stderr]).toEqual([2, expect.stringContaining("standard input is empty")]);
    expect((await client.get("/kept")).data.text()).toBe("data");
    for (const args of [
      ["set", "/kept", ""],
      ["set", "/kept", "--file", "-"],
    ]) {
      await client.set("/kept", "data");
      expect(await run(...args)).toMatchObject({ code: 0 });
      expect((await client.get("/kept")).data.text()).toBe("");
    }
    expect(await cli(["create", "/piped"], { input: "from a pipe" }).ended).toMatchObject({ code: 0 });
    expect((await client.get("/piped")).data.text()).toBe("from a pipe");
    expect(await cli(["create", "/said", ""], { input: "not this" }).ended).toMatchObject({ code: 0 });
    expect((await client.get("/said")).data.text()).toBe("");
  });

  test("the endpoint has a name in the environment, and an older one", async ({ cli, server }) => {
    const [now, before] = ["TREEKEEPER_ENDPOINT", "TREEKEEPER_URL"];
    const nobody = "http://127.0.0.1:9";
    for (const env of [
      { [before]: server.url, [now]: "" },
      { [now]: server.url, [before]: nobody },
    ]) {
      expect(await cli(["stat", "/"], { env }).ended).toMatchObject({ code: 0 });
    }
  });

  test("ls lists names, long with their stat, or as JSON", async ({ output, client }) => {
    for (const path of ["/ls", "/ls/a", "/ls/b", "/ls/b/c"]) await client.create(path, "xy");
    expect(await output("ls", "/ls")).toBe("a\nb\n");
    expect(await output("ls", "/ls", "--prefix", "b", "--json")).toBe('"b"\n');
    expect((await output("ls", "/ls", "-l")).split("\n")[1]?.split(/ +/)).toEqual([
      "",
      "0",
      "2",
      "1",
      "-",
      "b",
    ]);
    expect(jsonLines(await output("ls", "/ls", "-l", "--json"))).toMatchObject([
      { path: "/ls/a" },
      { path: "/ls/b" },
    ]);
  });

  test("setacl takes what getacl prints, and --acl-auth says who asks [A6, A14, A15]", async ({
    cli,
    output,
    run,
    dataDir,
    client,
  }) => {
    await client.create("/acl");
    expect(await output("getacl", "/acl")).toBe("world:anyone:cdrwa\n");
    const file = join(dataDir, "who");
    writeFileSync(file, "ann:s3cret\n");
    const entries = ["auth::cdrwa", "ip:2001:db8::/32:rw", "world:anyone:r"];
    expect(await run("setacl", "/acl", ...entries, "--acl-auth", `@${file}`)).toMatchObject({
      code: 0,
      stdout: "",
    });
    const rest = "ip:2001:db8::/32:rw\nworld:anyone:r\n";
    expect(await output("getacl", "/acl")).toBe(`digest:ann:x:cdrwa\n${rest}`);
    const whole = `digest:ann:WC2vyEVmARVG2uI4r2+dPtzK/v4=:cdrwa\n${rest}`;
    const asAnn = cli(["getacl", "/acl"], { env: { TREEKEEPER_ACL_AUTH: "ann:s3cret" } });
    expect((await asAnn.ended).stdout).toBe(whole);
    const again = [...whole.trim().split("\n"), "ip:192.0.2.1:"];
    const setAgain = ["setacl", "/acl", ...again, "--if-aversion", "1"];
    expect((await run(...setAgain)).stderr).toContain("does not give you the permission");
    expect(await run(...setAgain, "--acl-auth", "ann:s3cret")).toMatchObject({ code: 0 });
    expect(await run(...setAgain, "--acl-auth", "ann:s3cret")).toMatchObject({ code: 4 });
    const [json] = jsonLines(await output("getacl", "/acl", "--json"));
    expect(json).toMatchObject({ path: "/acl", aversion: 2, acl: [{ id: "ann:x" }, {}, {}, { perms: [] }] });
  });

  test("an entry or an identity that is none is a fault of usage, and no secret is repeated", async ({
    run,
  }) => {
    const wrong = await run("setacl", "/", "world:anyone:rx");
    expect(wrong).toMatchObject({ code: 2, stdout: "" });
    expect(wrong.stderr).toContain("SCHEME:ID:PERMISSIONS");
    expect(await run("setacl", "/", "world:bob:r")).toMatchObject({ code: 2 });
    const refused = await run("getacl", "/", "--acl-auth", "hunter2");
    expect(refused).toMatchObject({ code: 2, stdout: "" });
    expect(refused.stderr).toContain("USER:PASSWORD");
    expect(refused.stderr).not.toContain("hunter2");
  });

  test("tree prints a subtree, and stat what is known of a znode", async ({ output, run, client }) => {
    for (const path of ["/tree", "/tree/b", "/tree/b/c"])
      await client.create(path, path === "/tree/b" ? "two\nlines\u001b" : "");
    expect(await output("tree", "/tree", "--data", "--depth", "1")).toBe("/tree\n  b  two\\nlines\\u001b\n");
    expect(jsonLines(await output("tree", "/tree", "--json")).length).toBe(3);
    expect(await output("stat", "/tree/b")).toMatch(/^czxid +\d+\n[\s\S]*numChildren +1\n$/);
    expect(JSON.parse(await output("stat", "/tree", "--json"))).toMatchObject({ stat: { version: 0 } });
    expect(await run("stat", "/nowhere")).toMatchObject({
      code: 3,
      stderr: "treekeeper: /nowhere does not exist.\n",
    });
  });

  test("rm deletes a znode, and with children only when told to", async ({ run, output, client }) => {
    await client.create("/rm/b", "", { parents: true });
    expect(await run("rm", "/rm")).toMatchObject({ code: 4, stdout: "" });
    expect(await run("rm", "/rm", "--if-version", "7", "-r")).toMatchObject({ code: 4 });
    expect(await run("rm", "/rm", "--recursive")).toMatchObject({ code: 0, stdout: "", stderr: "" });
    expect(await run("rm", "/rm")).toMatchObject({ code: 3 });
    expect(await run("create", "/rm/in/parts", "--parents")).toMatchObject({ code: 0 });
    expect(await run("rm", "/rm", "--in-parts", "--if-version", "7")).toMatchObject({ code: 4 });
    expect(await output("rm", "/rm", "--in-parts", "--json")).toBe('{"path":"/rm","deleted":3}\n');
    expect(await run("rm", "/rm", "--in-parts")).toMatchObject({ code: 3, stdout: "" });
  });

  ownTest(
    "watch tells changes in one line each, over a restart of the server",
    async ({ cli, client, server, start, proxy }) => {
      await client.create("/a", "one");
      const watching = cli(["watch", "/a", "--scope", "subtree", "--initial"]);
      expect(await watching.line()).toBe("1 exists /a one");
      await client.set("/a", "two\n");
      expect(await watching.line()).toBe("2 changed /a two\\n");
      await server.kill();
      await watching.hasSaid("It goes on when the service is there.");
      const { url } = await start();
      proxy.leadTo(url);
      const made = await cli(["create", "/a/b", "new"], { endpoint: url }).ended;
      expect(made.code).toBe(0);
      expect(await watching.line()).toBe("3 created /a/b new");
      watching.signal("SIGINT");
      expect(await watching.ended).toMatchObject({ signal: "SIGINT" });
      const told = await cli(["watch", "/a/b", "--since", "0", "--once", "--json", "--no-data"]).ended;
      expect(told.code).toBe(0);
      expect(jsonLines(told.stdout)).toMatchObject([
        { zxid: 3, cause: "request", type: "created", path: "/a/b" },
      ]);
    },
  );

  test("writes keep to a fence, which the environment may give", async ({ cli, run, client }) => {
    const { stat } = await client.create("/odd @/x y", "", { parents: true });
    const fence = `/odd%20%40/x%20y@${stat.czxid}`;
    expect(await run("set", "/w", "1", "--create", "--fence", fence)).toMatchObject({ code: 0, stderr: "" });
    await client.delete("/odd @/x y");
    const late = cli(["set", "/w", "2"], { env: { TREEKEEPER_FENCE: fence } });
    expect(await late.ended).toMatchObject({ code: 4 });
    expect(await run("rm", "/w", "--fence", "nonsense")).toMatchObject({ code: 2 });
    expect((await client.get("/w")).data.text()).toBe("1");
  });
});

describe("sessions and services", () => {
  test("a session outlives the command that opens it, and takes its ephemerals along when it is closed [E2]", async ({
    cli,
    output,
    run,
    client,
  }) => {
    const session = (await output("session", "open", "--name", "me", "--timeout-ms", "60000")).trim();
    const id = session.split(":")[0] as string;
    expect(await output("create", "/e", "--ephemeral", "--session", session)).toBe("/e\n");
    expect((await client.exists("/e"))?.ephemeralOwner).toBe(id);
    expect(Number(await output("session", "keepalive", session))).toBeGreaterThan(50_000);
    expect(await output("session", "ls")).toMatch(new RegExp(`${id} +60000 +\\d+ +1  me\n$`));
    expect(await output("session", "show", id)).toMatch(/ephemerals +\/e\n/);
    const closing = cli(["session", "close"], { env: { TREEKEEPER_SESSION: session } });
    expect(await closing.ended).toMatchObject({ code: 0, stdout: "", stderr: "" });
    expect(await client.exists("/e")).toBeUndefined();
    expect(await run("session", "keepalive", session)).toMatchObject({ code: 3 });
    expect(await run("session", "close", "no-token")).toMatchObject({ code: 2 });
    expect(await run("session", "close")).toMatchObject({ code: 2 });
    expect(await run("create", "/e", "--ephemeral")).toMatchObject({ code: 2 });
  });

  test("services lists services and instances", async ({ output, run, client }) => {
    expect(await output("services")).toBe("");
    const instance = JSON.stringify({ address: "10.0.0.1", port: 80, state: "draining" });
    await client.create("/services/web/a", instance, { parents: true });
    await client.create("/services/web/b", "not JSON");
    expect(await output("services")).toBe("web  2\n");
    await client.create("/services/web/c", JSON.stringify({ address: "10.0.0.2", port: 81, tags: ["x"] }));
    expect(await output("services", "web")).toBe("a  10.0.0.1:80  draining\nc  10.0.0.2:81  up\n");
    expect(await output("services", "web", "--state", "up", "--tag", "x")).toBe("c  10.0.0.2:81  up\n");
    expect(jsonLines(await output("services", "web", "--json"))[0]).toMatchObject({ id: "a", port: 80 });
    expect(await output("services", "nowhere")).toBe("");
    expect(await run("services", "--state", "up")).toMatchObject({ code: 2 });
  });
});

describe("whole trees", () => {
  test("what was exported is brought in elsewhere, bytes and all", async ({
    cli,
    output,
    run,
    client,
    dataDir,
  }) => {
    const bytes = Uint8Array.from([255, 0]);
    await client.create("/whole/bytes", bytes, { parents: true });
    await client.create("/whole/text", "blue");
    const file = join(dataDir, "tree.ndjson");
    expect(await output("export", "/whole", "--output", file)).toBe("");
    expect(await output("export", "/whole")).toBe(readFileSync(file, "utf8"));
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(await run("import", file)).toMatchObject({ code: 4, stdout: "" });
    await client.delete("/whole", { recursive: true });
    expect(await output("import", file, "--dry-run")).toMatch(/created +3\n/);
    expect(await client.exists("/whole")).toBeUndefined();
    expect(JSON.parse(await output("import", file, "--json"))).toMatchObject({ lines: 3, created: 3 });
    expect((await client.get("/whole/bytes")).data.bytes()).toEqual(bytes);
    const again = await cli(["import", "--on-conflict", "skip"], { input: readFileSync(file) }).ended;
    expect([again.code, again.stdout]).toEqual([0, expect.stringMatching(/skipped +3\n/)]);
  });

  test("an export that fails leaves no file, and a file that is not there is a failure", async ({
    run,
    dataDir,
  }) => {
    const file = join(dataDir, "tree.ndjson");
    expect(await run("export", "/nowhere", "--output", file)).toMatchObject({ code: 3 });
    const nowhere = await run("export", "/", "--output", join(dataDir, "nowhere", "tree.ndjson"));
    expect([nowhere.code, nowhere.stderr]).toEqual([
      1,
      expect.stringMatching(/^treekeeper: ENOENT[^\n]*\n$/),
    ]);
    // What it writes to is a folder in the end: all that came before goes again.
    mkdirSync(file);
    expect(await run("export", "/", "--output", file)).toMatchObject({ code: 1 });
    expect(readdirSync(dataDir)).toEqual(["tree.ndjson"]);
    const missing = await run("import", join(dataDir, "missing.ndjson"));
    expect(missing).toMatchObject({ code: 1, stderr: expect.stringContaining("ENOENT") });
    const nonsense = await run("import", import.meta.filename);
    expect([nonsense.code, nonsense.stdout]).toEqual([2, ""]);
  });
});

describe("around them", () => {
  test("help fits a page of 100 columns where there is no terminal", async ({ run }) => {
    const commands = [[], ["lock"], ["restore"], ["session", "ended"], ["serve"]];
    const helps = await Promise.all(commands.map((words) => run(...words, "--help")));
    for (const { code, stdout } of helps) {
      expect(code).toBe(0);
      expect(stdout.split("\n").filter((line) => line.length > 100)).toEqual([]);
    }
  });

  test("serve runs the service with its own settings", async ({ cli, run, dataDir }) => {
    const served = cli(["serve", "--port", "0", "--data-dir", join(dataDir, "served")]);
    let logged = JSON.parse(await served.line());
    while (logged.msg !== "serving") logged = JSON.parse(await served.line());
    await new Client({ endpoint: logged.address }).limits();
    served.signal("SIGTERM");
    expect(await served.ended).toMatchObject({ code: 0 });
    const { code, stdout } = await run("serve", "--help");
    expect([code, stdout]).toEqual([0, expect.stringContaining("--data-dir")]);
  });

  test("what a command does is told with the TRACEPARENT that it was started with", async ({
    cli,
    client,
    unique,
  }) => {
    const TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    for await (const message of client.watch({ paths: [`/${unique}`] })) {
      if (message.type === "synced") cli(["create", `/${unique}`], { env: { TRACEPARENT } });
      if (message.type !== "change") continue;
      expect(message.traceparent).toBe(TRACEPARENT);
      break;
    }
  });

  test("what is used wrongly ends with 2 and says so, on stderr alone", async () => {
    const wrong = [
      [],
      ["nonsense"],
      ["ls", "--nonsense"],
      ["ls", "/a", "/b"],
      ["get"],
      ["set", "/a", "data", "--file", "data"],
      ["watch", "/a", "--types", "nonsense"],
      ["lock", "x"],
      ["lock", "x", "--grace-ms", "9000", "--", "true"],
      ["lock", "x", "--shared", "--permits", "2", "--", "true"],
      ["register", "x", "--", "true"],
      ["--endpoint", "ftp://nonsense", "ls"],
      ["--timeout-ms", "0", "ls"],
      ["completion", "cmd"],
    ];
    const ends = await Promise.all(wrong.map((args) => new CliProcess(args, {}).ended));
    expect(ends.map(({ code, stdout, stderr }) => [code, stdout, stderr === ""])).toEqual(
      wrong.map(() => [2, "", false]),
    );
  });

  test("a service that cannot be reached, or is none, ends a command with 69", async () => {
    const other = createServer((_request, response) => response.end("hello")).listen(0, "127.0.0.1");
    await once(other, "listening");
    const endpoint = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
    const none = await new CliProcess(["ls"], { endpoint }).ended;
    expect([none.code, none.stderr]).toEqual([69, expect.stringContaining("unexpected_answer")]);
    other.close();
    other.closeAllConnections();
    await once(other, "close");
    const [gone, lock] = await Promise.all(
      [["ls"], ["lock", "x", "--", "true"]].map((args) => new CliProcess(args, { endpoint }).ended),
    );
    expect(lock).toMatchObject({ code: 69 });
    expect([gone?.code, gone?.stderr]).toEqual([
      69,
      `treekeeper: The connection to ${endpoint} failed. (ECONNREFUSED)\n`,
    ]);
  });

  test("an option of the command that is to run is told where it belongs", async () => {
    const { code, stderr } = await new CliProcess(["lock", "x", "sh", "-c", "true"], {}).ended;
    expect([code, stderr]).toEqual([2, expect.stringContaining("after --")]);
  });

  test("--quiet leaves results and faults", async ({ holding, run, unique: name }) => {
    await holding(["lock", name], "sleep 60");
    const late = ["lock", name, "--wait-ms", "0", "--", "true"];
    expect(await run(...late)).toMatchObject({ code: 75, stderr: expect.stringContaining(name) });
    expect(await run("--quiet", ...late)).toMatchObject({ code: 75, stderr: "" });
    expect(await run("get", "/nowhere", "--quiet")).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/./),
    });
  });

  test("a home that is not there, or is none of its user's, keeps nothing, and ends as ever", async ({
    dataDir,
  }) => {
    const nowhere = join(dataDir, "nowhere");
    for (const home of [nowhere, "/proc", "relative", ""]) {
      const env = { HOME: home, XDG_CACHE_HOME: "", NODE_COMPILE_CACHE: "" };
      expect(await new CliProcess(["--version"], { env }).ended).toMatchObject({ code: 0, stderr: "" });
    }
    expect([existsSync(nowhere), existsSync("relative")]).toEqual([false, false]);
    const env = { HOME: dataDir, XDG_CACHE_HOME: "", NODE_COMPILE_CACHE: "" };
    expect(await new CliProcess(["--version"], { env }).ended).toMatchObject({ code: 0 });
    expect(readdirSync(join(dataDir, ".cache/treekeeper")).length).toBeGreaterThan(0);
  });

  test("colours are for terminals, and for who forces them", async ({ cli, client }) => {
    await client.create("/colours/a", "", { parents: true });
    const plain = await cli(["tree", "/colours"]).ended;
    expect(plain.stdout).toBe("/colours\n  a\n");
    const coloured = await cli(["tree", "/colours"], { env: { FORCE_COLOR: "1" } }).ended;
    expect(coloured.stdout).toContain("\u001b[");
    const refused = await cli(["get", "/nope"]).ended;
    expect(refused.stderr).not.toContain("\u001b[");
  });

  test("a reader that has had enough ends it quietly", async ({ cli, client }) => {
    await client.create("/many");
    for (let part = 0; part < 4; part += 1) {
      const operations = Array.from({ length: 1000 }, (_, index) => ({
        op: "create" as const,
        path: `/many/${part}-${index}-${"x".repeat(100)}`,
      }));
      await client.batch(operations);
    }
    const listing = cli(["ls", "/many"]);
    await listing.line();
    listing.closeOutput();
    expect(await listing.ended).toMatchObject({ code: 141, stderr: "" });
  });

  test("the access token is sent along", async () => {
    const server = createServer((request, response) => {
      response.setHeader("Content-Type", "application/json");
      response.end(JSON.stringify({ path: "/", data: request.headers.authorization, stat: {} }));
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const getting = new CliProcess(["get", "/"], {
      endpoint: `http://127.0.0.1:${port}`,
      env: { TREEKEEPER_TOKEN: "secret" },
    });
    expect(await getting.ended).toMatchObject({ code: 0, stdout: "Bearer secret" });
    server.close();
  });
});
