// The servers that are compared: each a process of its own on a free port of this machine, with a fresh folder on the
// disk to be measured, and durable as it is by default: every write is synced before it is answered.

import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { endProgram, freePort, type Spawned, spawnQuietly } from "../support/program.ts";
import { startService } from "../support/server-process.ts";
import { withTemporaryFolder } from "../support/temporary-folder.ts";
import { connectClient, type ServiceKind } from "./client.ts";

export interface Contestant {
  readonly kind: ServiceKind;
  readonly port: number;
}

interface Running {
  readonly port: number;
  readonly stop: () => Promise<void>;
}

const zookeeperJar = "/usr/share/java/zookeeper.jar";
const zookeeperSettings = "/etc/zookeeper/conf";
const startWithinMs = 30_000;

const starts: Record<ServiceKind, (folder: string) => Promise<Running>> = {
  async treekeeper(folder) {
    const { baseUrl, stop } = await startService(folder);
    return { port: Number(new URL(baseUrl).port), stop };
  },
  zookeeper: startZookeeper,
  etcd: startEtcd,
};

/** Debian's packages, where they put them. */
const packages: Record<
  Exclude<ServiceKind, "treekeeper">,
  { readonly files: string[]; readonly name: string }
> = {
  zookeeper: { files: [zookeeperJar, "/usr/bin/java"], name: "zookeeper" },
  etcd: { files: ["/usr/bin/etcd"], name: "etcd-server" },
};

/** Those that are installed; what is missing is said. */
export function installedKinds(): ServiceKind[] {
  const others = (["zookeeper", "etcd"] as const).filter((kind) => {
    const { files, name } = packages[kind];
    if (files.every((file) => existsSync(file))) return true;
    console.log(`${kind} is not here and is left out: apt-get install ${name}`);
    return false;
  });
  return ["treekeeper", ...others];
}

/** All of them, for the time of the work. */
export async function withContestants<T>(
  directory: string,
  kinds: readonly ServiceKind[],
  work: (contestants: readonly Contestant[]) => Promise<T>,
): Promise<T> {
  const [kind, ...rest] = kinds;
  if (kind === undefined) return await work([]);
  return await withTemporaryFolder(directory, async (folder) => {
    const { port, stop } = await starts[kind](folder);
    try {
      return await withContestants(directory, rest, (others) => work([{ kind, port }, ...others]));
    } finally {
      await stop();
    }
  });
}

async function startZookeeper(folder: string): Promise<Running> {
  const port = await freePort();
  const file = join(folder, "zoo.cfg");
  const settings = [
    `dataDir=${folder}`,
    `clientPort=${port}`,
    "clientPortAddress=127.0.0.1",
    "tickTime=2000",
  ];
  // As many clients from one machine as there are, and no administration over HTTP on a port of its own.
  settings.push("maxClientCnxns=0", "admin.enableServer=false", "maxSessionTimeout=60000");
  writeFileSync(file, `${settings.join("\n")}\n`);
  const quiet = ["-Dzookeeper.root.logger=ERROR,CONSOLE", `-Dzookeeper.log.dir=${folder}`];
  const main = "org.apache.zookeeper.server.quorum.QuorumPeerMain";
  const classes = ["-cp", `${zookeeperSettings}:${zookeeperJar}`];
  return await ready("zookeeper", port, spawnQuietly("java", ["-Xmx1g", ...quiet, ...classes, main, file]));
}

async function startEtcd(folder: string): Promise<Running> {
  const [port, peerPort] = [await freePort(), await freePort()];
  const [url, peerUrl] = [`http://127.0.0.1:${port}`, `http://127.0.0.1:${peerPort}`];
  const argv = [
    "--data-dir",
    join(folder, "etcd"),
    "--name",
    "bench",
    "--logger",
    "zap",
    "--log-level",
    "error",
  ];
  argv.push("--listen-client-urls", url, "--advertise-client-urls", url);
  argv.push("--listen-peer-urls", peerUrl, "--initial-advertise-peer-urls", peerUrl);
  argv.push("--initial-cluster", `bench=${peerUrl}`);
  return await ready("etcd", port, spawnQuietly("/usr/bin/etcd", argv));
}

/** Once it opens a session. */
async function ready(kind: ServiceKind, port: number, spawned: Spawned): Promise<Running> {
  const { child } = spawned;
  const stop = () => endProgram(child);
  const lastMs = performance.now() + startWithinMs;
  for (;;) {
    try {
      const client = await connectClient(kind, { port, sessionTimeoutMs: 30_000 });
      await client.close();
      return { port, stop };
    } catch (error) {
      if (performance.now() > lastMs || child.exitCode !== null) {
        await stop();
        throw new Error(`${kind} did not start.\n${spawned.said}`, { cause: error });
      }
    }
    await wait(100);
  }
}
