// From settings to the log in etcd. It is loaded where it is asked for, and nowhere else.

import { readFileSync } from "node:fs";
import type { Clock } from "../../clock.ts";
import type { LogHome } from "../sqlite/log-home.ts";
import { type Bootstrapped, bootstrap } from "./bootstrap.ts";
import type { EtcdCalls, EtcdHealthCalls } from "./etcd-calls.ts";
import { EtcdClient, type EtcdOptions } from "./etcd-client.ts";
import { EtcdLog, type EtcdLogStats } from "./etcd-log.ts";
import { Keys } from "./keys.ts";
import { KnownServers, type KnownServersStats } from "./known-servers.ts";
import { type CallStats, MeteredCalls } from "./metered-calls.ts";
import { Room, type RoomStats } from "./room.ts";
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
  /** What etcd's own bound of its file is. */
  readonly etcdQuotaBytes: number;
}

interface Surroundings {
  readonly clock: Clock;
  /** Called when nobody has answered for a while; it is tried on. */
  readonly onWaiting: (cause: string) => void;
  readonly signal: AbortSignal;
}

export interface EtcdStats extends EtcdLogStats, CallStats, KnownServersStats, RoomStats {}

/** The log in etcd, and what goes with it. */
export interface OpenedEtcd {
  readonly log: EtcdLog;
  readonly servers: KnownServers;
  stats(): EtcdStats;
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
  return await openOver(etcdClientOf(settings), settings, surroundings);
}

/** The same over whoever answers for etcd. */
export async function openOver(
  calls: EtcdCalls & EtcdHealthCalls,
  settings: Pick<
    EtcdSettings,
    "etcdEndpoints" | "etcdPrefix" | "etcdQuotaBytes" | "etcdCompaction" | "etcdSnapshotBytes"
  >,
  surroundings: Surroundings,
): Promise<OpenedEtcd> {
  const client = new MeteredCalls(calls);
  const { etcdPrefix: prefix, etcdQuotaBytes: quotaBytes } = settings;
  const { clock } = surroundings;
  const room = new Room({ calls: client, clock, quotaBytes });
  client.onPut((bytes) => room.note(bytes));
  const log = await EtcdLog.open({ client, prefix, room, ...surroundings });
  const servers = new KnownServers({ client, keys: new Keys(prefix), writer: log.writer, clock });
  const snapshots = new Snapshots(client, prefix, (bytes) => room.hasRoomFor(bytes));
  return {
    ...{ log, servers },
    stats: () => ({ ...log.stats(), ...client.stats(), ...servers.stats(), ...room.stats() }),
    home: { place: nameOf(settings), logId: log.logId },
    bootstrap: (dataDir, options) => bootstrap(dataDir, client, prefix, log.info.clusterId, options),
    snapshotDuty: (parts) =>
      new SnapshotDuty({
        ...{ ...parts, log, snapshots, client, clock, compaction: settings.etcdCompaction },
        isTight: () => room.isTight,
        limits: {
          logBytesMin: settings.etcdSnapshotBytes,
          tightBytes: Math.max(tightBytesMin, quotaBytes * tightShare),
        },
      }),
  };
}

/** Of the quota, and at least: what is worth a snapshot while room is short. */
const tightShare = 1 / 128;
const tightBytesMin = 65_536;

/** As `etcd://…`, which `treekeeper migrate` takes. */
function nameOf({ etcdEndpoints, etcdPrefix }: Pick<EtcdSettings, "etcdEndpoints" | "etcdPrefix">): string {
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
