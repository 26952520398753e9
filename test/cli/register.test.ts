// `treekeeper register`: an instance is listed exactly while its command lives.

import { describe, expect } from "vitest";
import type { Client } from "../../src/client/client.ts";
import { announced, emptied, test } from "./fixture.ts";

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
    const other = await cli([...args, "--", "echo", "ran"]).ended;
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
    const args = ["--timeout-ms", "1000", "register", unique, "--port", "80"];
    const registered = cli([...args, "--", ...announced("trap 'exit 6' USR1; sleep 60 & wait")]);
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
});
