// `treekeeper register`: an instance is listed exactly while its command lives.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, vi } from "vitest";
import { Client } from "../../src/client/client.ts";
import { announced, emptied, ownTest, test } from "./fixture.ts";

/** Each starts several programs, and all run at once. */
vi.setConfig({ testTimeout: 180_000 });

async function instancesOf(client: Client, service: string): Promise<string[]> {
  if ((await client.exists(`/services/${service}`)) === undefined) return [];
  return (await client.childrenPage(`/services/${service}`)).children.slice();
}

describe.concurrent("register", () => {
  test("lists an instance before the command begins, and takes it away when it has ended", async ({
    cli,
    output,
    client,
    unique,
  }) => {
    const args = [
      "register",
      unique,
      "--port",
      "80",
      "--id",
      "a",
      "--address",
      "10.0.0.1",
      "--zone",
      "north",
    ];
    const registered = cli([...args, "--tag", "x", "--", "sh", "-c", "treekeeper=1; echo up; cat; exit 5"]);
    expect(await registered.ended).toMatchObject({ code: 5, stdout: "up\n", stderr: "" });
    expect(await instancesOf(client, unique)).toEqual([]);
    const living = cli([...args, "--", ...announced("sleep 60")]);
    await living.line();
    expect(await output("services", unique)).toBe("a  10.0.0.1:80  up\n");
    const other = await cli([...args, "--until-listed", "fail", "--", "echo", "ran"]).ended;
    expect(other).toMatchObject({ code: 4, stdout: "" });
    living.signal("SIGTERM");
    expect(await living.ended).toMatchObject({ code: 143 });
    expect(await instancesOf(client, unique)).toEqual([]);
  });

  test("lists it again when the session is lost, and the command goes on", async ({
    cli,
    proxy,
    client,
    unique,
  }) => {
    // Long enough for a busy machine: here the session is to be lost once.
    const args = ["--timeout-ms", "3000", "register", unique, "--port", "80"];
    const registered = cli([...args, "--", ...announced("trap 'exit 6' USR1; sleep 600 & wait")]);
    await registered.line();
    const [before] = await instancesOf(client, unique);
    proxy.goDark();
    await registered.hasSaid(`listing ${unique} again`);
    proxy.goLight();
    let after: readonly string[] = [];
    let zxid = 0;
    while (after.length === 0 || after[0] === before) {
      const page = await client.childrenPage(`/services/${unique}`, { waitAfterZxid: zxid, waitMs: 20_000 });
      [after, zxid] = [page.children, page.zxid];
    }
    registered.signal("SIGUSR1");
    expect(await registered.ended).toMatchObject({ code: 6 });
    expect(await instancesOf(client, unique)).toEqual([]);
  });

  test("takes the command along when it is killed", async ({ cli, client, unique }) => {
    const registered = cli([
      "--timeout-ms",
      "2000",
      "register",
      unique,
      "--port",
      "80",
      "--",
      ...announced("sleep 60"),
    ]);
    const [group] = (await registered.line()).split(" ");
    registered.signal("SIGKILL");
    await emptied(Number(group));
    const { zxid } = await client.childrenPage(`/services/${unique}`);
    if ((await instancesOf(client, unique)).length > 0) {
      await client.childrenPage(`/services/${unique}`, { waitAfterZxid: zxid, waitMs: 20_000 });
    }
    expect(await instancesOf(client, unique)).toEqual([]);
  });

  test("comes back after a crash: runs at once or waits, and is listed when the old session has ended", async ({
    cli,
    client,
    unique,
  }) => {
    const crashed = await client.openSession({ timeoutMs: 60_000 });
    const { fence } = await crashed.register(unique, { address: "h", port: 1 }, { id: "a" });
    const args = ["register", unique, "--port", "80", "--id", "a", "--address", "h"];
    const running = cli([...args, "--", ...announced("sleep 60")]);
    await running.line();
    await running.hasSaid("is not listed yet, and the command runs meanwhile.");
    const waiting = cli([...args, "--until-listed", "wait", "--", ...announced("sleep 60")]);
    await waiting.hasSaid("is not listed yet, and the command waits.");
    await crashed.close();
    const [first, second] = await Promise.race([
      running.hasSaid(`${unique} is listed`).then(() => [running, waiting] as const),
      waiting.line().then(() => [waiting, running] as const),
    ]);
    expect(await portsOf(client, unique)).toEqual(["80"]);
    first.signal("SIGTERM");
    expect(await first.ended).toMatchObject({ code: 143 });
    await second.hasSaid(`${unique} is listed`);
    const taking = cli([...args, "--replace", "--port", "81", "--", ...announced("sleep 60")]);
    await taking.line();
    expect(await portsOf(client, unique)).toEqual(["81"]);
    expect(fence).toBeGreaterThan(0);
    for (const one of [taking, second]) one.signal("SIGTERM");
    expect([(await taking.ended).code, (await second.ended).code]).toEqual([143, 143]);
    expect(await instancesOf(client, unique)).toEqual([]);
  });

  test("gives the wait up when it is told to, and leaves nothing behind", async ({ cli, client, unique }) => {
    const other = await client.openSession();
    await other.register(unique, { address: "h", port: 1 }, { id: "a" });
    const args = ["register", unique, "--port", "80", "--id", "a", "--until-listed", "wait"];
    const waiting = cli([...args, "--", "echo", "ran"]);
    await waiting.hasSaid("the command waits.");
    waiting.signal("SIGTERM");
    expect(await waiting.ended).toMatchObject({ code: 143, stdout: "" });
    const wrong = await cli(["register", "a/b", "--port", "80", "--", "echo", "ran"]).ended;
    expect(wrong).toMatchObject({ code: 2, stdout: "" });
    await other.close();
    expect(await instancesOf(client, unique)).toEqual([]);
  });

  test("is listed once its check has passed, and not before", async ({ cli, client, dataDir, unique }) => {
    const ready = join(dataDir, "ready");
    const args = ["register", unique, "--port", "80", "--id", "a", "--check", `test -e ${ready}`];
    const registered = cli([...args, "--", ...announced("sleep 60")]);
    await registered.line();
    await registered.hasSaid("is not listed yet: the check fails.");
    expect(await instancesOf(client, unique)).toEqual([]);
    writeFileSync(ready, "");
    await registered.hasSaid(`${unique} is listed`);
    expect(await instancesOf(client, unique)).toEqual(["a"]);
    registered.signal("SIGTERM");
    expect(await registered.ended).toMatchObject({ code: 143 });
    expect(await instancesOf(client, unique)).toEqual([]);
  });

  ownTest("waits for a service that is not there yet", async ({ cli, server, start, proxy, unique }) => {
    await server.terminate();
    const args = ["register", unique, "--port", "80", "--id", "a"];
    const failing = cli([...args, "--until-listed", "fail", "--", "echo", "ran"]);
    const running = cli([...args, "--", ...announced("sleep 60")]);
    expect(await failing.ended).toMatchObject({ code: 69, stdout: "" });
    await running.line();
    await running.hasSaid("is not listed yet, and the command runs meanwhile.");
    const { url } = await start();
    proxy.leadTo(url);
    await running.hasSaid(`${unique} is listed`);
    expect(await instancesOf(new Client({ endpoint: url }), unique)).toEqual(["a"]);
    running.signal("SIGTERM");
    expect(await running.ended).toMatchObject({ code: 143 });
  });
});

async function portsOf(client: Client, service: string): Promise<string[]> {
  const ports: string[] = [];
  for await (const { port } of client.instances(service)) ports.push(String(port));
  return ports;
}
