// Settings of where writes are ordered: in the data directory, or in etcd, where several servers are one service.

import { mebibyte, setting } from "./setting.ts";
import { anyText, byteCount, etcdPrefix, integer, oneOf, restoreName, url, urls } from "./setting-values.ts";

export const etcdSettings = {
  log: setting<"sqlite" | "etcd">(
    "log",
    "sqlite",
    oneOf(["sqlite", "etcd"]),
    "where writes are ordered: sqlite in the data directory, or etcd for several servers",
  ),
  etcdEndpoints: setting(
    "etcd-endpoints",
    "",
    urls,
    "members of the etcd cluster, comma-separated, such as http://10.0.0.1:2379",
  ),
  etcdPrefix: setting(
    "etcd-prefix",
    "/treekeeper/",
    etcdPrefix,
    "what all keys in etcd begin with; servers with the same one are one service",
  ),
  etcdCa: setting("etcd-ca", "", anyText, "file with who certifies etcd's members (PEM), for https"),
  etcdCert: setting("etcd-cert", "", anyText, "file with the certificate shown to etcd (PEM)"),
  etcdKey: setting("etcd-key", "", anyText, "file with that certificate's private key (PEM)"),
  etcdUser: setting("etcd-user", "", anyText, "name of the user in etcd, where it asks for one"),
  etcdPasswordFile: setting("etcd-password-file", "", anyText, "file with that user's password"),
  etcdRestored: setting(
    "etcd-restored",
    "",
    restoreName,
    "after etcd was restored from a backup: a name for that, the same on all servers, such as 2026-11-28; the first start " +
      "with a new one ends all sessions and lets numbers go on above all that were given",
  ),
  etcdCompaction: setting<"own" | "external">(
    "etcd-compaction",
    "own",
    oneOf(["own", "external"]),
    "who has etcd's history compacted: the service behind each snapshot, or somebody else who uses it too",
  ),
  etcdSnapshotBytes: setting(
    "etcd-snapshot-bytes",
    64 * mebibyte,
    byteCount(4096),
    "bytes of the log in etcd at which a snapshot takes its place",
  ),
  etcdQuotaBytes: setting(
    "etcd-quota-bytes",
    2048 * mebibyte,
    byteCount(16 * mebibyte),
    "what etcd's --quota-backend-bytes is; from 70 % on writes are slowed down, from 85 % on refused",
  ),
  serverUrl: setting(
    "server-url",
    "",
    url,
    "where other machines reach this server, as the list of servers shows it; found out when empty",
  ),
  housekeeperTimeoutMs: setting(
    "housekeeper-timeout-ms",
    10_000,
    // More than it takes until a log is known to be out of reach (2.5 s, and a second between two looks), and until the one that
    // keeps house is heard of again: else an election in etcd, which suspends nobody, would be its silence.
    integer(5000, 600_000),
    "of several servers, how long the one that keeps house may be silent before another takes its place",
  ),
} as const;
