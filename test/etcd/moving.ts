// What tests of moves have in common: an etcd, servers on directories and over etcd, and the command line, each a process
// of its own that ends with the test.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { CliProcess, type CliResult } from "../cli/fixture.ts";
import { ServerProcess } from "../support/process.ts";
import { Etcd } from "./etcd-process.ts";

/** Goes away with the test. */
export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "treekeeper-moves-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export class Site {
  readonly etcd: Etcd;
  readonly folder = newFolder();

  private constructor(etcd: Etcd) {
    this.etcd = etcd;
  }

  static async open(members = 1, etcdArgs: readonly string[] = []): Promise<Site> {
    const etcd = await Etcd.start(members, etcdArgs);
    onTestFinished(() => etcd.stop());
    return new Site(etcd);
  }

  directory(name: string): string {
    return join(this.folder, name);
  }

  /** As `--from` and `--to` take it. */
  place(prefix = "/treekeeper/"): string {
    return `etcd://${this.etcd.endpoints.map((endpoint) => endpoint.replace("http://", "")).join(",")}${prefix}`;
  }

  overEtcd(prefix = "/treekeeper/"): string[] {
    return ["--log", "etcd", "--etcd-endpoints", this.etcd.endpoints.join(","), "--etcd-prefix", prefix];
  }

  async serve(name: string, args: readonly string[] = []): Promise<ServerProcess> {
    const server = await ServerProcess.start({ dataDir: this.directory(name), args });
    onTestFinished(async () => {
      await server.kill();
    });
    return server;
  }

  /** What a start says that is refused. */
  async refusal(name: string, args: readonly string[] = []): Promise<{ code: number | null; said: string }> {
    const { code, logs } = await ServerProcess.runToEnd({ dataDir: this.directory(name), args });
    return { code, said: String(logs.at(-1)?.msg) };
  }

  cli(...args: string[]): Promise<CliResult> {
    return new CliProcess(args, {}).ended;
  }

  migrate(from: string, to: string, ...args: string[]): Promise<CliResult> {
    return this.cli("migrate", "--from", from, "--to", to, "--json", ...args);
  }

  /** @throws Error with what it said when it is refused */
  async moved(from: string, to: string): Promise<Moved> {
    const { code, stdout, stderr } = await this.migrate(from, to);
    if (code !== 0) throw new Error(`it ended with ${code}: ${stderr}`);
    return JSON.parse(stdout) as Moved;
  }
}

export interface Moved {
  readonly clusterId: string;
  readonly zxid: number;
  readonly position: number;
  readonly znodes: number;
  readonly sessions: number;
  readonly digest: string;
}
