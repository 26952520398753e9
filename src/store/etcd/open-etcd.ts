// From settings to the log in etcd. It is loaded where it is asked for, and nowhere else.

import { readFileSync } from "node:fs";
import type { Clock } from "../../clock.ts";
import type { LogHome } from "../sqlite/log-home.ts";
import { type Bootstrapped, bootstrap } from "./bootstrap.ts";
import { EtcdClient, type EtcdOptions } from "./etcd-client.ts";
import { EtcdLog } from "./etcd-log.ts";
import { SnapshotDuty } from "./snapshot-duty.ts";
import { Snapshots } from "./snapshots.ts";

/** Names of files are empty where there are none. */
export interface EtcdConnectionSettings {
  /** Comma-separated. */
  readonly etcdEndpoints: string;
  readonly etcdCa: string;
  readonly etcdCert: string;
  readonly etcdKey: string;
  readonly etcdUser: string;
  readonly etcdPasswordFile: string;
}

export interface EtcdSettings extends EtcdConnectionSettings {
  readonly etcdPrefix: string;
  /** Whether this service has etcd's history compacted, or somebody else. */
  readonly etcdCompaction: "own" | "external";
  /** Of the log, at which a snapshot is taken. */
  readonly etcdSnapshotBytes: number;
}

interface Surroundings {
  readonly clock: Clock;
  /** Called when nobody has answered for a while; it is tried on. */
  readonly onWaiting: (cause: string) => void;
  readonly signal: AbortSignal;
}

/** The log in etcd, and what goes with it. */
export interface OpenedEtcd {
  readonly log: EtcdLog;
  /** What is noted in the data directory. */
  readonly home: LogHome;
  /** Before the data directory is opened. */
  bootstrap(dataDir: string, options: { readonly allowUnsafeFilesystem: boolean }): Promise<Bootstrapped>;
  /** What the server that keeps house does for the log. */
  snapshotDuty(parts: SnapshotParts): SnapshotDuty;
}

type SnapshotParts = Pick<
  ConstructorParameters<typeof SnapshotDuty>[0],
  "takeInto" | "file" | "onTaken" | "onFailed"
>;

/**
 * Resolves when etcd answers.
 * @throws Error for files that cannot be read, and when what is there is of another format; the signal's reason
 */
export async function openEtcd(settings: EtcdSettings, surroundings: Surroundings): Promise<OpenedEtcd> {
  const client = etcdClientOf(settings);
  const { etcdPrefix: prefix, etcdCompaction: compaction, etcdSnapshotBytes: logBytesMin } = settings;
  const log = await EtcdLog.open({ client, prefix, ...surroundings });
  const { clock } = surroundings;
  const snapshots = new Snapshots(client, prefix);
  return {
    log,
    home: { place: nameOf(settings), logId: log.info.logId ?? log.info.clusterId },
    bootstrap: (dataDir, options) => bootstrap(dataDir, client, prefix, log.info.clusterId, options),
    snapshotDuty: (parts) =>
      new SnapshotDuty({ ...parts, log, snapshots, client, clock, compaction, limits: { logBytesMin } }),
  };
}

/** As `etcd://…`, which `treekeeper migrate` takes. */
function nameOf({ etcdEndpoints, etcdPrefix }: EtcdSettings): string {
  const scheme = etcdEndpoints.startsWith("https") ? "etcds" : "etcd";
  return `${scheme}://${etcdEndpoints.replaceAll(/https?:\/\/|\/(?=,|$)/g, "")}${etcdPrefix}`;
}

/** @throws Error for files that cannot be read */
export function etcdClientOf(settings: EtcdConnectionSettings): EtcdClient {
  return new EtcdClient(optionsOf(settings));
}

function optionsOf(settings: EtcdConnectionSettings): EtcdOptions {
  const { etcdEndpoints, etcdUser, etcdPasswordFile } = settings;
  const tls = tlsOf(settings);
  const password =
    etcdPasswordFile === "" ? "" : readFileSync(etcdPasswordFile, "utf8").replace(/\r?\n$/, "");
  return {
    endpoints: etcdEndpoints.split(","),
    ...(tls !== undefined && { tls }),
    ...(etcdUser !== "" && { user: { name: etcdUser, password } }),
  };
}

/** @throws Error for files that cannot be read */
export function tlsOf({ etcdCa, etcdCert, etcdKey }: EtcdConnectionSettings): EtcdOptions["tls"] {
  if (etcdCa === "" && etcdCert === "") return undefined;
  return {
    ...(etcdCa !== "" && { ca: readFileSync(etcdCa, "utf8") }),
    ...(etcdCert !== "" && { cert: readFileSync(etcdCert, "utf8"), key: readFileSync(etcdKey, "utf8") }),
  };
}
