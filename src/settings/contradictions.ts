// Settings that make no sense together, each in a sentence that stops the start.

import { dirname, resolve } from "node:path";
import { heapBytes } from "./derived.ts";
import type { Config } from "./settings.ts";

/** @returns the first there is, null where all go together */
export function contradictionIn(config: Config): string | null {
  for (const contradiction of [
    aboutSessions,
    aboutFolders,
    aboutIdentities,
    aboutEtcd,
    aboutFollowing,
    aboutWrites,
    aboutRequests,
    aboutMemory,
  ]) {
    const found = contradiction(config);
    if (found !== null) return found;
  }
  return null;
}

function aboutSessions(config: Config): string | null {
  const { sessionTimeoutMsMin: min, sessionTimeoutMsMax: max, sessionTimeoutMsDefault: initial } = config;
  if (min > max) return `--session-timeout-ms-min (${min}) is above --session-timeout-ms-max (${max}).`;
  if (initial < min || initial > max) {
    return `--session-timeout-ms-default (${initial}) is not between the shortest (${min}) and the longest (${max}).`;
  }
  return null;
}

function aboutFolders(config: Config): string | null {
  if (config.auditFile !== "" && dirname(resolve(config.auditFile)) === resolve(config.dataDir)) {
    return `--audit-file (${config.auditFile}) may not be in the data directory, which is the store's alone.`;
  }
  if (config.backupDir !== "" && resolve(config.backupDir) === resolve(config.dataDir)) {
    return "--backup-dir may not be the data directory, which is the store's alone.";
  }
  if (config.backupDir === "" && config.backupCommand !== "") return "--backup-command needs --backup-dir.";
  return null;
}

function aboutIdentities(config: Config): string | null {
  if ((config.tlsCert === "") !== (config.tlsKey === "")) return "--tls-cert and --tls-key go together.";
  if (config.tlsClientCa !== "" && config.tlsCert === "") return "--tls-client-ca needs --tls-cert.";
  // A browser shows its user's certificate with whatever a page has it send.
  if (config.tlsClientCa !== "" && config.corsOrigin === "*")
    return "--cors-origin * would let any page write by its reader's certificate (--tls-client-ca): name the origins.";
  if (config.jwtKeys === "" && (config.jwtIssuer !== "" || config.jwtAudience !== ""))
    return "--jwt-issuer and --jwt-audience need --jwt-keys.";
  return null;
}

function aboutEtcd(config: Config): string | null {
  const { log, etcdEndpoints, etcdCa, etcdCert, etcdKey, etcdUser, etcdPasswordFile } = config;
  if (log === "etcd" && etcdEndpoints === "") return "--log etcd needs --etcd-endpoints.";
  if (log !== "etcd" && etcdEndpoints !== "") return "--etcd-endpoints needs --log etcd.";
  if (log !== "etcd" && config.etcdRestored !== "") return "--etcd-restored needs --log etcd.";
  if ((etcdCert === "") !== (etcdKey === "")) return "--etcd-cert and --etcd-key go together.";
  if ((etcdUser === "") !== (etcdPasswordFile === ""))
    return "--etcd-user and --etcd-password-file go together.";
  const schemes = new Set(etcdEndpoints.split(",").map((url) => url.split(":", 1)[0]));
  if (schemes.size > 1) return "--etcd-endpoints are all http or all https.";
  if ((etcdCa !== "" || etcdCert !== "") && !schemes.has("https"))
    return "--etcd-ca and --etcd-cert are for https:// endpoints.";
  return null;
}

function aboutFollowing(config: Config): string | null {
  const { follow, followTokenFile, followCa, log, host, port } = config;
  if (follow === "")
    return followTokenFile === "" && followCa === ""
      ? null
      : "--follow-token-file and --follow-ca need --follow.";
  if (log !== "sqlite")
    return "--follow and --log etcd do not go together: a server follows or writes itself.";
  const urls = follow.split(",").map((url) => new URL(url));
  if (new Set(urls.map(({ protocol }) => protocol)).size > 1) return "--follow names all http or all https.";
  if (followCa !== "" && urls[0]?.protocol !== "https:") return "--follow-ca is for https:// addresses.";
  const isOwn = ({ hostname, port: theirs, protocol }: URL) =>
    Number(theirs || (protocol === "https:" ? 443 : 80)) === port && isOwnName(hostname, host);
  return urls.some(isOwn) ? `--follow (${follow}) is where this server listens itself.` : null;
}

/** As far as names tell; what they hide is found out when it is followed. */
function isOwnName(hostname: string, host: string): boolean {
  const loopback = /^(localhost|127\.[\d.]+|\[::1\])$/;
  const isEverywhere = host === "0.0.0.0" || host === "::";
  return hostname === host || (loopback.test(hostname) && (isEverywhere || loopback.test(host)));
}

/** What a write has besides data: a path, fences, an answer's key. */
const entryOverheadBytes = 65_536;

function aboutWrites(config: Config): string | null {
  const { dataBytesMax, transactionBytesMax, entryBytesMax } = config;
  if (dataBytesMax + entryOverheadBytes > entryBytesMax) {
    return `--data-bytes-max (${dataBytesMax}) does not fit into --entry-bytes-max (${entryBytesMax}) with what goes around it.`;
  }
  if (transactionBytesMax > entryBytesMax) {
    return `--transaction-bytes-max (${transactionBytesMax}) is above --entry-bytes-max (${entryBytesMax}).`;
  }
  const { transactionChangesMax, transactionChangeBytesMax, ephemeralsPerSessionMax } = config;
  if (ephemeralsPerSessionMax * 2 > transactionChangesMax) {
    return `--ephemerals-per-session-max (${ephemeralsPerSessionMax}) is above half of --transaction-changes-max (${transactionChangesMax}).`;
  }
  if (config.operationsMax > transactionChangesMax) {
    return `--operations-max (${config.operationsMax}) is above --transaction-changes-max (${transactionChangesMax}).`;
  }
  if (dataBytesMax > transactionChangeBytesMax) {
    return `--data-bytes-max (${dataBytesMax}) is above --transaction-change-bytes-max (${transactionChangeBytesMax}).`;
  }
  return null;
}

/** A character of a path is at most three bytes of UTF-8, each of which is three characters of a URL. */
const pathCharacterBytesMax = 9;
/** What a request has besides its path. */
const otherHeaderBytes = 4096;

function aboutRequests(config: Config): string | null {
  const bodyBytesMax = Math.max(config.dataBytesMax, config.transactionBytesMax);
  if (bodyBytesMax > config.bodiesBytesMax)
    return `--bodies-bytes-max is below what one body may have (${bodyBytesMax}).`;
  const headerBytes = config.pathLengthMax * pathCharacterBytesMax + otherHeaderBytes;
  if (config.headerBytesMax < headerBytes) {
    return `--header-bytes-max (${config.headerBytesMax}) is below ${headerBytes}, which a request for a path of --path-length-max (${config.pathLengthMax}) characters may take.`;
  }
  // So many values, its own included, does the longest operation have.
  const valuesMin = config.operationsMax * 12;
  if (config.jsonValuesMax < valuesMin)
    return `--json-values-max (${config.jsonValuesMax}) is below what --operations-max may need (${valuesMin}).`;
  return null;
}

function aboutMemory(config: Config): string | null {
  if (config.treeBytesMax > heapBytes * 0.75) {
    return `--tree-bytes-max (${config.treeBytesMax}) is above three quarters of the heap (${heapBytes}); NODE_OPTIONS=--max-old-space-size=MIB makes that larger.`;
  }
  if (config.checkpointBytes > config.walBytesMax) return "--checkpoint-bytes is above --wal-bytes-max.";
  return null;
}
