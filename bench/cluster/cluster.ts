// Three members of etcd and three servers over them, each a process of its own on this machine. All have their data on the disk to be
// measured, and sync it as they do by default: etcd's members each entry, a server nothing but its own tables.

import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { endProgram, freePort, type Spawned, spawnQuietly } from "../support/program.ts";
import { type ServerProcess, startService } from "../support/server-process.ts";
import { withTemporaryFolder } from "../support/temporary-folder.ts";

export interface Member {
  readonly endpoint: string;
  readonly pid: number;
}

export const serverCount = 3;
const memberCount = 3;
const startWithinMs = 30_000;

export class BenchCluster {
  readonly members: readonly Member[];
  /** One that was started again is another process at another address. */
  readonly servers: ServerProcess[] = [];
  readonly #folder: string;

  constructor(members: readonly Member[], folder: string) {
    this.members = members;
    this.#folder = folder;
  }

  get urls(): string[] {
    return this.servers.map(({ baseUrl }) => baseUrl);
  }

  server(index: number): ServerProcess {
    return this.servers[index] as ServerProcess;
  }

  /** All addresses, that of one server first. */
  urlsFrom(index: number): string[] {
    return [...this.urls.slice(index), ...this.urls.slice(0, index)];
  }

  /** In its folder, as it is; resolves when it serves. */
  async start(index: number): Promise<void> {
    const endpoints = this.members.map(({ endpoint }) => endpoint).join(",");
    this.servers[index] = await startService(join(this.#folder, `server-${index}`), {
      settings: ["--log", "etcd", "--etcd-endpoints", endpoints],
    });
  }

  /** Resolves when all servers have done what one had when this was asked. */
  async level(): Promise<void> {
    await Promise.all(this.urls.map((url) => fetch(`${url}/v1/sync`, { method: "POST" })));
  }
}

/** For the time of the work. */
export function withCluster<T>(directory: string, work: (cluster: BenchCluster) => Promise<T>): Promise<T> {
  return withTemporaryFolder(directory, async (folder) => {
    const { members, spawned } = await spawnMembers(folder);
    const cluster = new BenchCluster(members, folder);
    try {
      await Promise.all(members.map(({ endpoint }, index) => answers(endpoint, spawned[index] as Spawned)));
      for (let index = 0; index < serverCount; index += 1) await cluster.start(index);
      return await work(cluster);
    } finally {
      await Promise.all(cluster.servers.map((server) => server.stop()));
      await Promise.all(spawned.map(({ child }) => endProgram(child)));
    }
  });
}

async function spawnMembers(folder: string) {
  const places: { readonly name: string; readonly url: string; readonly peerUrl: string }[] = [];
  for (let index = 0; index < memberCount; index += 1) {
    const [url, peerUrl] = [await freePort(), await freePort()].map((port) => `http://127.0.0.1:${port}`);
    places.push({ name: `member-${index}`, url: url as string, peerUrl: peerUrl as string });
  }
  const all = places.map(({ name, peerUrl }) => `${name}=${peerUrl}`).join(",");
  const spawned = places.map(({ name, url, peerUrl }) =>
    spawnQuietly("etcd", [
      ...["--name", name, "--data-dir", join(folder, name), "--initial-cluster", all],
      ...["--listen-client-urls", url, "--advertise-client-urls", url],
      ...["--listen-peer-urls", peerUrl, "--initial-advertise-peer-urls", peerUrl],
      ...["--logger", "zap", "--log-level", "error"],
    ]),
  );
  const members = places.map(({ url }, index) => ({
    endpoint: url,
    pid: (spawned[index] as Spawned).child.pid as number,
  }));
  return { members, spawned };
}

async function answers(endpoint: string, spawned: Spawned): Promise<void> {
  const lastMs = performance.now() + startWithinMs;
  while (performance.now() < lastMs && spawned.child.exitCode === null) {
    const health = await fetch(`${endpoint}/health`).catch(() => null);
    if (health?.ok && (await health.text()).includes('"true"')) return;
    await wait(50);
  }
  throw new Error(`A member of etcd did not start.\n${spawned.said}`);
}
