// Servers over members of etcd, each a process of its own with a port and a folder that it keeps, for tests of what befalls
// them. What is done to one of them is done by its number.

import { cpSync } from "node:fs";
import { join } from "node:path";
import { freePorts } from "../support/ports.ts";
import { direct, makeDataDir, removeDataDir, ServerProcess, type StartOptions } from "../support/process.ts";
import { SmallDisk } from "../support/small-disk.ts";
import { Etcd, type EtcdMember, here, type Place } from "./etcd-process.ts";

export interface ClusterOptions {
  readonly servers?: number;
  readonly members?: number;
  /** Further arguments of each server, such as `--session-timeout-ms-min`, `100`. */
  readonly serverArgs?: readonly string[];
  /** Further arguments of each member. */
  readonly etcdArgs?: readonly string[];
  /** Where each lives, by name: `s0` and so on are servers, `m0` and so on members. */
  readonly placeOf?: (name: string) => Place;
  /** What starts a server, by its number. */
  readonly commandOf?: (index: number) => readonly [string, ...string[]];
  /** Where a server finds etcd, by its number, if not at the members themselves. */
  readonly endpointsOf?: (index: number, endpoints: readonly string[]) => Promise<readonly string[]>;
  /** Of a disk that the first member has for itself. */
  readonly memberDiskMebibytes?: number;
  /** The same of the first server. */
  readonly serverDiskMebibytes?: number;
}

type Ways = Required<Pick<ClusterOptions, "placeOf" | "commandOf" | "endpointsOf" | "serverArgs">>;

export class Cluster {
  readonly etcd: Etcd;
  /** By number; one that was started again is another process at the same address. */
  readonly servers: ServerProcess[] = [];
  readonly #ports: readonly string[];
  readonly #dataDirs: string[];
  readonly #ways: Ways;
  /** Of the first server; null where it has none of its own. */
  disk: SmallDisk | null = null;

  private constructor(etcd: Etcd, ports: readonly string[], ways: Ways) {
    this.etcd = etcd;
    this.#ports = ports;
    this.#dataDirs = ports.map(makeDataDir);
    this.#ways = ways;
  }

  /** Resolves when all of them serve. */
  static async start({
    servers = 3,
    members = 3,
    serverArgs = [],
    etcdArgs = [],
    memberDiskMebibytes = 0,
    serverDiskMebibytes = 0,
    placeOf = () => here,
    commandOf = () => direct,
    endpointsOf = async (_, endpoints) => endpoints,
  }: ClusterOptions = {}): Promise<Cluster> {
    const etcd = await Etcd.start(members, etcdArgs, placeOf, memberDiskMebibytes);
    const ways = { placeOf, commandOf, endpointsOf, serverArgs };
    const cluster = new Cluster(etcd, await freePorts(servers), ways);
    if (serverDiskMebibytes > 0)
      cluster.disk = await SmallDisk.mount(cluster.dataDir(0), serverDiskMebibytes);
    await Promise.all(cluster.urls.map((_, index) => cluster.startServer(index)));
    return cluster;
  }

  get urls(): string[] {
    return this.#ports.map((port, index) => `http://${this.#placeOf(index).host}:${port}`);
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

  /** Once the servers have ended: SQLite opens nothing that is on another's disk. */
  copyFromDisk(): void {
    if (this.disk !== null) cpSync(this.disk.seen("data"), this.dataDir(0), { recursive: true });
  }

  #placeOf(index: number): Place {
    return this.#ways.placeOf(`s${index}`);
  }

  /** In its folder, as it is; resolves when it serves. */
  async startServer(index: number, ...more: readonly string[]): Promise<void> {
    this.servers[index] = await ServerProcess.start(await this.optionsOf(index, ...more));
  }

  /** How it is started, for a start that is to fail or is another program's. */
  async optionsOf(
    index: number,
    ...more: readonly string[]
  ): Promise<Required<Pick<StartOptions, "args">> & StartOptions> {
    const { commandOf, endpointsOf, serverArgs } = this.#ways;
    const { host, enter } = this.#placeOf(index);
    const listen = ["--host", host, "--port", this.#ports[index] as string];
    const endpoints = await endpointsOf(index, this.etcd.endpoints);
    const disk = index === 0 ? this.disk : null;
    return {
      // A folder on the disk: the root of one belongs to whoever mounted it.
      dataDir: disk === null ? this.dataDir(index) : join(this.dataDir(index), "data"),
      command: [...enter, ...(disk?.entry ?? []), ...commandOf(index)] as [string, ...string[]],
      args: [...listen, "--log", "etcd", "--etcd-endpoints", endpoints.join(","), ...serverArgs, ...more],
    };
  }

  /** Whatever stands still goes on, since what is stopped cannot end. */
  async stop(): Promise<void> {
    for (const server of this.servers) server.signal("SIGCONT");
    await Promise.all(this.servers.map((server) => server.kill()));
    for (const member of this.etcd.members) member.signal("SIGCONT");
    await this.etcd.stop();
    await this.disk?.unmount();
    for (const dataDir of this.#dataDirs) removeDataDir(dataDir);
  }
}
