// `treekeeper elect`: one leads at a time, and whoever has led stands again.

import { describe, expect } from "vitest";
import { Http } from "../support/http.ts";
import { announced, emptied, isEmptyGroup, ownTest, signalGroup, test } from "./fixture.ts";

const stubborn = 'trap "" TERM; while :; do sleep 0.05; done';

describe.concurrent("elect", () => {
  test("leads again and again, each time with a greater fence, until it is told to end", async ({
    cli,
    unique: name,
  }) => {
    const script = 'echo "$TREEKEEPER_ELECTION $TREEKEEPER_FENCE_ZXID"; exit 3';
    const elected = cli(["elect", name, "--pause-ms", "0", "--", "sh", "-c", script]);
    const terms = [await elected.line(), await elected.line(), await elected.line()];
    const fences = terms.map((term) => Number(/ (\d+)$/.exec(term)?.[1]));
    expect(fences).toEqual(fences.toSorted((first, second) => first - second));
    await elected.hasSaid(`the command has ended with 3; standing again for ${name}`);
    elected.signal("SIGTERM");
    // In the midst of a command, or between two.
    expect([143, 3]).toContain((await elected.ended).code);
  });

  test("leads for any number of terms, and while nobody listens to what it says", async ({
    cli,
    unique: name,
  }) => {
    const command = ["sh", "-c", "echo $TREEKEEPER_FENCE_ZXID"];
    const elected = cli(["elect", name, "--pause-ms", "0", "--", ...command]);
    const terms = new Set<string>();
    while (terms.size < 13) terms.add(await elected.line());
    elected.closeErrors();
    while (terms.size < 16) terms.add(await elected.line());
    elected.signal("SIGTERM");
    const { code, stderr } = await elected.ended;
    expect([143, 0]).toContain(code);
    expect(stderr).not.toContain("Warning");
  });

  test("leads when whoever led before is gone, and not earlier", async ({
    holding,
    cli,
    client,
    unique: name,
  }) => {
    const first = await holding(["elect", name, "--timeout-ms", "2000", "--value", "anna"], stubborn);
    const queued = client.childrenPage(`/elections/${name}`, {
      waitAfterZxid: first.fence.czxid,
      waitMs: 20_000,
    });
    const second = cli(["elect", name, "--once", "--", ...announced("exit 4")]);
    expect((await queued).children.length).toBe(2);
    first.cli.signal("SIGKILL");
    await second.line();
    expect(isEmptyGroup(first.group)).toBe(true);
    expect(await second.ended).toMatchObject({ code: 4 });
  });

  test("stands again when its candidacy was taken away before it led", async ({
    holding,
    cli,
    client,
    server,
    unique: name,
  }) => {
    const { cli: first, fence } = await holding(["elect", name], "exec sleep 60");
    const [next, once] = [[], ["--once"]].map((more) =>
      cli(["elect", name, "--pause-ms", "0", ...more, "--", "true"]),
    );
    const queued = { waitAfterZxid: fence.czxid, waitMs: 20_000 };
    let { children, zxid } = await client.childrenPage(`/elections/${name}`, queued);
    while (children.length < 3) {
      const more = { waitAfterZxid: zxid, waitMs: 20_000 };
      ({ children, zxid } = await client.childrenPage(`/elections/${name}`, more));
    }
    for (const candidate of children.filter((child) => !fence.path.endsWith(child)))
      await new Http(server.url).delete(`/v1/elections/${name}/candidates/${candidate}`, {
        query: "force=true",
      });
    await next?.hasSaid(`Standing again for ${name}.`);
    expect(await once?.ended).toMatchObject({ code: 3, stderr: expect.stringContaining("no_claim") });
    first.signal("SIGTERM");
  });

  test("stands again after its leadership was lost, and leads when it is its turn [N14]", async ({
    holding,
    proxy,
    unique: name,
  }) => {
    const { cli, group } = await holding(
      ["elect", name, "--timeout-ms", "2000", "--pause-ms", "0"],
      stubborn,
    );
    proxy.goDark();
    await emptied(group);
    await cli.hasSaid(`the election ${name} is lost`);
    proxy.goLight();
    const [next] = (await cli.line()).split(" ");
    expect(Number(next)).not.toBe(group);
    cli.signal("SIGTERM");
    signalGroup(Number(next), "SIGKILL");
    expect(await cli.ended).toMatchObject({ code: 137 });
  });

  test("with --once it ends after one term, with 76 when that was lost", async ({
    holding,
    proxy,
    run,
    unique: name,
  }) => {
    expect(await run("elect", name, "--once", "--", "false")).toMatchObject({ code: 1, stderr: "" });
    const { cli } = await holding(["elect", name, "--once", "--timeout-ms", "2000"], stubborn);
    proxy.goDark();
    expect(await cli.ended).toMatchObject({
      code: 76,
      stderr: expect.stringContaining(`the election ${name} is lost`),
    });
  });

  ownTest(
    "waits for a service that is not there yet",
    async ({ cli, server, start, proxy, unique: name }) => {
      await server.terminate();
      const elected = cli(["elect", name, "--once", "--", "true"]);
      const standing = cli(["elect", name, "--pause-ms", "10", "--", ...announced("sleep 60")]);
      expect(await elected.ended).toMatchObject({ code: 69 });
      await standing.hasSaid(`Standing again for ${name}.`);
      proxy.leadTo((await start()).url);
      expect(await standing.line()).toContain(`/elections/${name}/c-`);
      standing.signal("SIGINT");
      expect(await standing.ended).toMatchObject({ code: 130 });
    },
  );
});
