// Servers over members of etcd, each a process of its own with a port and a folder that it keeps, for tests of what befalls
// them. What is done to one of them is done by its number.

import { freePorts } from "../support/ports.ts";
import { makeDataDir, removeDataDir, ServerProcess } from "../support/process.ts";
import { Etcd, type EtcdMember } from "./etcd-process.ts";

export interface ClusterOptions {
  readonly servers?: number;
  readonly members?: number;
  /** Further arguments of each server, such as `--session-timeout-ms-min`, `100`. */
  readonly serverArgs?: readonly string[];
  /** Further arguments of each member. */
  readonly etcdArgs?: readonly string[];
}

export class Cluster {
  readonly etcd: Etcd;
  /** By number; one that was started again is another process at the same address. */
  readonly servers: ServerProcess[] = [];
  readonly #ports: readonly string[];
  readonly #dataDirs: string[];
  readonly #serverArgs: readonly string[];

  private constructor(etcd: Etcd, ports: readonly string[], serverArgs: readonly string[]) {
    this.etcd = etcd;
    this.#ports = ports;
    this.#dataDirs = ports.map(makeDataDir);
    this.#serverArgs = serverArgs;
  }

  /** Resolves when all of them serve. */
  static async start({
    servers = 3,
    members = 3,
    serverArgs = [],
    etcdArgs = [],
  }: ClusterOptions = {}): Promise<Cluster> {
    const etcd = await Etcd.start(members, etcdArgs);
    const cluster = new Cluster(etcd, await freePorts(servers), serverArgs);
    await Promise.all(cluster.urls.map((_, index) => cluster.startServer(index)));
    return cluster;
  }

  get urls(): string[] {
    return this.#ports.map((port) => `http://127.0.0.1:${port}`);
  }

  server(index: number): ServerProcess {
    return this.servers[index] as ServerProcess;
  }

  member(index: number): EtcdMember {
    return this.etcd.members[index] as EtcdMember;
  }

  dataDir(index: number): string {
    return this.#dataDirs[index] as string;
  }

  /** In its folder, as it is; resolves when it serves. */
  async startServer(index: number): Promise<void> {
    const args = ["--port", this.#ports[index] as string, "--log", "etcd"];
    this.servers[index] = await ServerProcess.start({
      dataDir: this.dataDir(index),
      args: [...args, "--etcd-endpoints", this.etcd.endpoints.join(","), ...this.#serverArgs],
    });
  }

  /** Whatever stands still goes on, since what is stopped cannot end. */
  async stop(): Promise<void> {
    for (const server of this.servers) server.signal("SIGCONT");
    await Promise.all(this.servers.map((server) => server.kill()));
    for (const member of this.etcd.members) member.signal("SIGCONT");
    await this.etcd.stop();
    for (const dataDir of this.#dataDirs) removeDataDir(dataDir);
  }
}
