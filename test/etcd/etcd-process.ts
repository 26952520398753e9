// etcd for tests: members of one cluster, each a process on free ports, their data in memory where there is such a folder.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { freePorts } from "../support/ports.ts";
import { SmallDisk } from "../support/small-disk.ts";

const memoryFolder = "/dev/shm";

/** Where a process lives. */
export interface Place {
  /** The address that others know it by. */
  readonly host: string;
  /** What starts a program there. */
  readonly enter: readonly string[];
}

/** Beside the tests. */
export const here: Place = { host: "127.0.0.1", enter: [] };

interface MemberPlace {
  readonly name: string;
  readonly endpoint: string;
  readonly peer: string;
  readonly dataDir: string;
}

export class EtcdMember {
  readonly name: string;
  /** Where it is asked. */
  readonly endpoint: string;
  /** Where the other members ask it. */
  readonly peer: string;
  readonly dataDir: string;
  readonly #command: readonly string[];
  #process: ChildProcess;

  constructor({ name, endpoint, peer, dataDir }: MemberPlace, command: readonly string[]) {
    this.name = name;
    this.endpoint = endpoint;
    this.peer = peer;
    this.dataDir = dataDir;
    this.#command = command;
    this.#process = this.#start();
  }

  #start(): ChildProcess {
    const [program, ...args] = this.#command as [string, ...string[]];
    return spawn(program, args, { stdio: "ignore" });
  }

  /** Whether it has not ended, be it by itself or not. */
  get isRunning(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  /** Sends the signal and does not wait. */
  signal(name: NodeJS.Signals): void {
    this.#process.kill(name);
  }

  async kill(): Promise<void> {
    if (!this.isRunning) return;
    const exit = once(this.#process, "exit");
    this.#process.kill("SIGKILL");
    await exit;
  }

  /** After it was killed: on the data that it had. */
  restart(): void {
    this.#process = this.#start();
  }
}

export class Etcd {
  readonly members: readonly EtcdMember[];
  /** Of all that is theirs. */
  readonly folder: string;
  /** Which members there are, as each is told at its start. */
  readonly initialCluster: string;
  /** Of the first member; null where it has none of its own. */
  readonly disk: SmallDisk | null;

  private constructor(
    members: readonly EtcdMember[],
    parts: Pick<Etcd, "folder" | "initialCluster" | "disk">,
  ) {
    this.members = members;
    this.folder = parts.folder;
    this.initialCluster = parts.initialCluster;
    this.disk = parts.disk;
  }

  get endpoints(): string[] {
    return this.members.map(({ endpoint }) => endpoint);
  }

  /**
   * Resolves when all of them answer.
   * @param placeOf by the member's name, `m0` and so on
   * @param diskMebibytes of a disk that the first member has for itself; none where it is not given
   */
  static async start(
    count: number,
    args: readonly string[] = [],
    placeOf: (name: string) => Place = () => here,
    diskMebibytes = 0,
  ): Promise<Etcd> {
    const folder = mkdtempSync(join(existsSync(memoryFolder) ? memoryFolder : tmpdir(), "treekeeper-etcd-"));
    const ports = await freePorts(2 * count);
    const places = Array.from({ length: count }, (_, index) => {
      const name = `m${index}`;
      const { host, enter } = placeOf(name);
      const [endpoint, peer] = [ports[2 * index], ports[2 * index + 1]].map(
        (port) => `http://${host}:${port}`,
      );
      const dataDir = join(folder, name, "data");
      return { name, enter, dataDir, endpoint: endpoint as string, peer: peer as string };
    });
    const cluster = places.map(({ name, peer }) => `${name}=${peer}`).join(",");
    for (const { dataDir } of places) mkdirSync(dirname(dataDir));
    const disk = diskMebibytes === 0 ? null : await SmallDisk.mount(join(folder, "m0"), diskMebibytes);
    const members = places.map((place, index) => {
      const { name, enter, endpoint, peer, dataDir } = place;
      const onDisk = index === 0 && disk !== null ? disk.entry : [];
      return new EtcdMember(place, [
        ...[...enter, ...onDisk, "etcd"],
        ...["--name", name, "--data-dir", dataDir, "--initial-cluster", cluster],
        ...["--listen-client-urls", endpoint, "--advertise-client-urls", endpoint],
        ...["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer],
        ...args,
      ]);
    });
    const etcd = new Etcd(members, { folder, initialCluster: cluster, disk });
    await etcd.answers();
    return etcd;
  }

  /** Resolves when all members answer and have a leader. */
  async answers(): Promise<void> {
    await Promise.all(this.endpoints.map(answers));
  }

  /** What they have stays. */
  async stopAll(): Promise<void> {
    await Promise.all(this.members.map((member) => member.kill()));
  }

  restartAll(): void {
    for (const member of this.members) member.restart();
  }

  async stop(): Promise<void> {
    await this.stopAll();
    await this.disk?.unmount();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

async function answers(endpoint: string): Promise<void> {
  for (;;) {
    const health = await fetch(`${endpoint}/health`).catch(() => null);
    if (health?.ok && (await health.text()).includes('"true"')) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
