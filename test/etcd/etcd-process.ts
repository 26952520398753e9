// etcd for tests: members of one cluster, each a process on free ports, their data in memory where there is such a folder.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePorts } from "../support/ports.ts";

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

export class EtcdMember {
  readonly name: string;
  /** Where it is asked. */
  readonly endpoint: string;
  readonly #command: readonly string[];
  #process: ChildProcess;

  constructor(name: string, endpoint: string, command: readonly string[]) {
    this.name = name;
    this.endpoint = endpoint;
    this.#command = command;
    this.#process = this.#start();
  }

  #start(): ChildProcess {
    const [program, ...args] = this.#command as [string, ...string[]];
    return spawn(program, args, { stdio: "ignore" });
  }

  /** Sends the signal and does not wait. */
  signal(name: NodeJS.Signals): void {
    this.#process.kill(name);
  }

  async kill(): Promise<void> {
    const { exitCode, signalCode } = this.#process;
    if (exitCode !== null || signalCode !== null) return;
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
  readonly #folder: string;

  private constructor(members: readonly EtcdMember[], folder: string) {
    this.members = members;
    this.#folder = folder;
  }

  get endpoints(): string[] {
    return this.members.map(({ endpoint }) => endpoint);
  }

  /**
   * Resolves when all of them answer.
   * @param placeOf by the member's name, `m0` and so on
   */
  static async start(
    count: number,
    args: readonly string[] = [],
    placeOf: (name: string) => Place = () => here,
  ): Promise<Etcd> {
    const folder = mkdtempSync(join(existsSync(memoryFolder) ? memoryFolder : tmpdir(), "treekeeper-etcd-"));
    const ports = await freePorts(2 * count);
    const places = Array.from({ length: count }, (_, index) => {
      const name = `m${index}`;
      const { host, enter } = placeOf(name);
      const [endpoint, peer] = [ports[2 * index], ports[2 * index + 1]].map(
        (port) => `http://${host}:${port}`,
      );
      return { name, enter, endpoint: endpoint as string, peer: peer as string };
    });
    const cluster = places.map(({ name, peer }) => `${name}=${peer}`).join(",");
    const members = places.map(
      ({ name, enter, endpoint, peer }) =>
        new EtcdMember(name, endpoint, [
          ...[...enter, "etcd"],
          ...["--name", name, "--data-dir", join(folder, name), "--initial-cluster", cluster],
          ...["--listen-client-urls", endpoint, "--advertise-client-urls", endpoint],
          ...["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer],
          ...args,
        ]),
    );
    const etcd = new Etcd(members, folder);
    await Promise.all(etcd.endpoints.map(answers));
    return etcd;
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
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

async function answers(endpoint: string): Promise<void> {
  for (;;) {
    const health = await fetch(`${endpoint}/health`).catch(() => null);
    if (health?.ok && (await health.text()).includes('"true"')) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
