// A rolling upgrade, again and again: one of two servers is of a version to come, and writes what the other does not know. The
// other stops with 78 and says why, and so does each start of it; the newer one goes on, nothing is lost, and once both are of
// its version they have the same tree.

import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { EtcdClient } from "../../src/store/etcd/etcd-client.ts";
import { EtcdLog } from "../../src/store/etcd/etcd-log.ts";
import { rounds } from "../support/effort.ts";
import { Http } from "../support/http.ts";
import { direct, makeDataDir, removeDataDir, ServerProcess } from "../support/process.ts";
import { Etcd } from "./etcd-process.ts";
import { newerEntry } from "./newer-command.ts";
import { treeAt } from "./steady-work.ts";

const roundCount = rounds({ usual: 1, full: 20 });
const older = direct;
const newer = [process.execPath, fileURLToPath(new URL("./newer-server.ts", import.meta.url))] as const;
const whyItStops = /a later version wrote createByNewer into the log.*start that version/;

test("an older server stops at what a newer one wrote, which goes on; both are the same once both are newer", async ({
  onTestFinished,
}) => {
  const etcd = await Etcd.start(1);
  onTestFinished(() => etcd.stop());
  for (let round = 0; round < roundCount; round += 1) await upgrade(etcd, `/round-${round}/`);
});

async function upgrade(etcd: Etcd, prefix: string): Promise<void> {
  const directories = [makeDataDir(), makeDataDir()] as const;
  const args = ["--log", "etcd", "--etcd-endpoints", etcd.endpoints.join(","), "--etcd-prefix", prefix];
  const start = (index: 0 | 1, command: typeof older | typeof newer) =>
    ServerProcess.start({ dataDir: directories[index], args, command });
  const servers: ServerProcess[] = [];
  try {
    servers.push(...(await Promise.all([start(0, older), start(1, older)])));
    const [first, second] = servers as [ServerProcess, ServerProcess];
    await expectWritten(first, "/n");
    await first.terminate();
    const upgraded = await start(0, newer);
    servers.push(upgraded);
    // As long as the newer one writes what both know, both go on.
    await Promise.all([expectWritten(upgraded, "/n/by-newer"), expectWritten(second, "/n/by-older")]);
    await append(etcd, prefix, newerEntry("/n/unknown"));
    expect(await second.exit).toMatchObject({ code: 78 });
    expect(String(second.logs.at(-1)?.cause)).toMatch(whyItStops);
    const refused = await ServerProcess.runToEnd({ dataDir: directories[1], args });
    expect([refused.code, refused.logs.at(-1)?.msg]).toEqual([78, expect.stringMatching(whyItStops)]);
    await expectWritten(upgraded, "/n/alone");
    const last = await start(1, newer);
    servers.push(last);
    const [tree, other] = await Promise.all([upgraded, last].map(({ url }) => treeAt(url, "/n")));
    expect(other).toEqual(tree);
    const names = ["alone", "by-newer", "by-older", "unknown"].map((name) => `/n/${name}`);
    expect(tree?.map(({ path }) => path)).toEqual(names);
  } finally {
    await Promise.all(servers.map((server) => server.kill()));
    for (const directory of directories) removeDataDir(directory);
  }
}

async function expectWritten({ url }: ServerProcess, path: string): Promise<void> {
  expect((await new Http(url).post(`/v1/znodes${path}`)).status).toBe(201);
}

/** As the newer server would, were it asked for what only it knows. */
async function append({ endpoints }: Etcd, prefix: string, body: Uint8Array): Promise<void> {
  const log = await EtcdLog.open({ client: new EtcdClient({ endpoints }), clock: systemClock, prefix });
  await log.append(1, body);
  await log.close();
}
