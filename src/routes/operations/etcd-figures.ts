// What GET /v1/stats tells of a log in etcd and of the servers that share it, and what of that is worth a warning.

import { Type } from "typebox";
import { tightShare } from "../../store/etcd/quota-shares.ts";
import type { ServiceFigures } from "./service-figures.ts";

const count = (description: string) => Type.Integer({ description });

export const etcdSchema = Type.Object(
  {
    servers: count("Servers that were heard of lately, this one among them."),
    silentServers: count("Those that are known and silent."),
    keepsHouse: Type.Boolean({
      description: "Whether this one ends sessions, sweeps, and puts snapshots in the place of the log.",
    }),
    logEntries: count("Entries since the last snapshot."),
    logBytes: count("Their bytes, of those that this server has read."),
    lagEntries: count("Those that are not done here."),
    lagMs: count("How long this server has not been level with the end of the log."),
    dbBytes: count("Size of etcd's file, at the member where it is largest."),
    dbInUseBytes: count("Of it, what holds something, at the member where that is most."),
    quotaBytes: count("What the file may have, `--etcd-quota-bytes`."),
    alarms: count("Alarms that etcd's members have raised."),
    throttledTotal: count("Writes put off since the quota is nearly used up, since the start."),
    failedCallsTotal: count("Calls to etcd that failed, since the start."),
    suspendedMsTotal: count("How long etcd was out of reach, since the start."),
    snapshotsTotal: count("Snapshots that this server has put there, since its start."),
    snapshotFailuresTotal: count("Those that it could not take or put."),
  },
  { title: "EtcdFigures" },
);

export const exampleEtcd = {
  ...{ servers: 3, silentServers: 0, keepsHouse: true, logEntries: 2042, logBytes: 310_080 },
  ...{ lagEntries: 0, lagMs: 0, dbBytes: 41_943_040, dbInUseBytes: 20_971_520, quotaBytes: 2_147_483_648 },
  ...{ alarms: 0, throttledTotal: 0, failedCallsTotal: 2, suspendedMsTotal: 0 },
  ...{ snapshotsTotal: 1, snapshotFailuresTotal: 0 },
};

/** Null where the log is in the data directory. */
export function etcdOf({ etcd, snapshots, housekeeper, replica }: ServiceFigures) {
  if (etcd === null) return null;
  const { heardServers: servers, silentServers, entries, bytes, endLsn, lagMs } = etcd;
  const { dbBytes, dbBytesInUse, quotaBytes, alarms, throttledTotal } = etcd;
  const { failedCallsTotal, suspendedMsTotal } = etcd;
  return {
    ...{ servers, silentServers, keepsHouse: housekeeper?.onDuty === 1 },
    ...{ logEntries: entries, logBytes: bytes, lagEntries: Math.max(0, endLsn - replica.appliedLsn) },
    ...{ lagMs: Math.round(lagMs), dbBytes, dbInUseBytes: dbBytesInUse },
    ...{ quotaBytes, alarms, throttledTotal },
    ...{ failedCallsTotal, suspendedMsTotal: Math.round(suspendedMsTotal) },
    ...{ snapshotsTotal: snapshots?.taken ?? 0, snapshotFailuresTotal: snapshots?.failures ?? 0 },
  };
}

/** As `limits-in-use.ts` has them; null while there is none. */
export const etcdTroubles: readonly {
  readonly code: string;
  readonly words: (figures: ServiceFigures) => string | null;
}[] = [
  {
    code: "silent_servers",
    words: ({ etcd }) =>
      etcd === null || etcd.silentServers === 0
        ? null
        : `of the servers that share the log ${etcd.silentServers} cannot be heard`,
  },
  {
    code: "etcd_alarm",
    words: ({ etcd }) =>
      etcd === null || etcd.alarms === 0
        ? null
        : "a member of etcd has raised an alarm: see `etcdctl alarm list`",
  },
  {
    code: "etcd_quota",
    words: ({ etcd }) => {
      const { dbBytesInUse = 0, quotaBytes = 1 } = etcd ?? {};
      return dbBytesInUse < tightShare * quotaBytes
        ? null
        : `${Math.floor((100 * dbBytesInUse) / quotaBytes)} % of etcd's quota is in use, and writes are taken slowly`;
    },
  },
  {
    code: "snapshot_failed",
    words: ({ snapshots }) =>
      snapshots === null || snapshots.lastFailure === null
        ? null
        : "the last snapshot for etcd could not be taken, and the log grows; the log of the process says why",
  },
];
