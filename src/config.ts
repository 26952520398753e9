// The table of settings: each is one row here, and its flag, its environment variable, its name in a file of settings, its
// line in --help and its check follow from the row. A setting that makes no sense stops the start with a sentence.

import { dirname, resolve } from "node:path";
import { getHeapStatistics } from "node:v8";
import { Command, InvalidArgumentError, Option } from "commander";
import { helpColumns, helpWrapping } from "./help-width.ts";
import { printableLine } from "./printable.ts";
import { safeSetUp } from "./safe-start.ts";
import {
  byteCount,
  etcdPrefix,
  hostNames,
  integer,
  oneOf,
  proxies,
  restoreName,
  url,
  urls,
  word,
  yesOrNo,
} from "./setting-values.ts";
import { lineFault, readSettingsFile, SettingsFileError } from "./settings-file.ts";

interface Setting<T> {
  readonly flag: string;
  readonly meaning: string;
  readonly initial: T;
  readonly parse: (text: string) => T;
}

function setting<T>(flag: string, initial: T, parse: (text: string) => T, meaning: string): Setting<T> {
  return { flag, initial, parse, meaning };
}

const mebibyte = 1024 ** 2;
const logLevels = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;

const settings = {
  config: setting(
    "config",
    "",
    (text) => text,
    "file with settings, a line for each: name = value; none when empty",
  ),
  host: setting(
    "host",
    "127.0.0.1",
    word,
    "address to listen on; any but this machine's own takes tokens and TLS",
  ),
  port: setting("port", 2281, integer(0, 65_535), "port to listen on; 0 picks a free one"),
  dataDir: setting("data-dir", "./data", word, "data directory; created if missing"),
  logLevel: setting<(typeof logLevels)[number]>(
    "log-level",
    "info",
    oneOf(logLevels),
    "lowest level that is logged",
  ),

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
  etcdCa: setting("etcd-ca", "", (text) => text, "file with who certifies etcd's members (PEM), for https"),
  etcdCert: setting("etcd-cert", "", (text) => text, "file with the certificate shown to etcd (PEM)"),
  etcdKey: setting("etcd-key", "", (text) => text, "file with that certificate's private key (PEM)"),
  etcdUser: setting("etcd-user", "", (text) => text, "name of the user in etcd, where it asks for one"),
  etcdPasswordFile: setting("etcd-password-file", "", (text) => text, "file with that user's password"),
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

  follow: setting(
    "follow",
    "",
    urls,
    "server to follow, such as https://one:2281, or several of one cluster, comma-separated; none when empty",
  ),
  followTokenFile: setting(
    "follow-token-file",
    "",
    (text) => text,
    "file with an admin's token of that server, where it asks for one",
  ),
  followCa: setting("follow-ca", "", (text) => text, "file with who certifies that server (PEM), for https"),

  auditFile: setting(
    "audit-file",
    "",
    (text) => text,
    "file in which it is noted who did what, as JSON lines; none when empty",
  ),
  auditBytesMax: setting(
    "audit-bytes-max",
    64 * mebibyte,
    byteCount(65_536),
    "bytes of the audit file at which a new one is begun",
  ),
  auditFilesMax: setting(
    "audit-files-max",
    10,
    integer(2, 10_000),
    "audit files kept, with the one that is written; the oldest is deleted",
  ),
  auditSync: setting<"none" | "second">(
    "audit-sync",
    "second",
    oneOf(["none", "second"]),
    "when audit lines are made to survive a power cut: within a second, or none when the system sees fit",
  ),

  backupDir: setting(
    "backup-dir",
    "",
    (text) => text,
    "folder of this server's own that gets a backup now and then; none when empty",
  ),
  backupEveryMs: setting(
    "backup-every-ms",
    86_400_000,
    integer(1000, 2_147_483_647),
    "time between two of these backups",
  ),
  backupKeep: setting(
    "backup-keep",
    7,
    integer(1, 10_000),
    "backups kept in the folder; the oldest is deleted",
  ),
  backupCommand: setting(
    "backup-command",
    "",
    (text) => text,
    "command that is run with each backup's path behind its words, without a shell; none when empty",
  ),
  backupCommandMsMax: setting(
    "backup-command-ms-max",
    600_000,
    integer(100, 2_147_483_647),
    "time after which that command is ended",
  ),

  tlsCert: setting(
    "tls-cert",
    "",
    (text) => text,
    "file with the TLS certificate chain (PEM); enables HTTP/2",
  ),
  tlsKey: setting("tls-key", "", (text) => text, "file with the certificate's private key (PEM)"),
  tlsClientCa: setting(
    "tls-client-ca",
    "",
    (text) => text,
    "file with certificates of the authorities (PEM) whose TLS client certificates are identities",
  ),
  jwtKeys: setting(
    "jwt-keys",
    "",
    (text) => text,
    "file with public keys (PEM, JWK or JWKS) that sign tokens of an issuer outside",
  ),
  jwtIssuer: setting("jwt-issuer", "", (text) => text, "issuer (iss) that these tokens must have"),
  jwtAudience: setting("jwt-audience", "", (text) => text, "audience (aud) that these tokens must have"),
  insecure: setting(
    "insecure",
    false,
    yesOrNo,
    "let others in without access control or without TLS; each start warns of it",
  ),
  corsOrigin: setting(
    "cors-origin",
    "",
    (text) => text,
    "origins whose pages may use the service, comma-separated, or *; none when empty",
  ),

  allowedHosts: setting(
    "allowed-hosts",
    "",
    hostNames,
    "host names that clients may use besides addresses, localhost and --host, comma-separated; .example.com allows all below it, * any",
  ),

  trustProxy: setting(
    "trust-proxy",
    "",
    proxies,
    "addresses and networks of proxies, comma-separated, whose X-Forwarded-For says where requests come from; none when empty",
  ),

  sessionTimeoutMsMin: setting(
    "session-timeout-ms-min",
    1000,
    integer(100),
    "shortest session timeout granted",
  ),
  sessionTimeoutMsMax: setting(
    "session-timeout-ms-max",
    3_600_000,
    integer(100),
    "longest session timeout granted",
  ),
  sessionTimeoutMsDefault: setting(
    "session-timeout-ms-default",
    10_000,
    integer(100),
    "session timeout when the client names none",
  ),

  dataBytesMax: setting("data-bytes-max", mebibyte, byteCount(1), "bytes of data in one znode"),
  operationsMax: setting(
    "operations-max",
    1000,
    integer(1, 100_000),
    "operations in one transaction or batch",
  ),
  transactionBytesMax: setting(
    "transaction-bytes-max",
    8 * mebibyte,
    byteCount(1024),
    "body of a request for a transaction or batch, and a line of an import",
  ),
  bodiesBytesMax: setting(
    "bodies-bytes-max",
    128 * mebibyte,
    byteCount(mebibyte),
    "bytes of incomplete request bodies, all requests together",
  ),
  transactionChangesMax: setting(
    "transaction-changes-max",
    10_000,
    integer(1000, 200_000),
    "znodes changed by one transaction; other requests wait while it is done",
  ),
  transactionChangeBytesMax: setting(
    "transaction-change-bytes-max",
    8 * mebibyte,
    byteCount(mebibyte, 256 * mebibyte),
    "bytes of paths and data changed by one transaction, as JSON",
  ),
  ephemeralsPerSessionMax: setting(
    "ephemerals-per-session-max",
    5000,
    integer(1),
    "ephemeral znodes of one session, which go in one transaction; half of --transaction-changes-max at most",
  ),
  entryBytesMax: setting(
    "entry-bytes-max",
    16 * mebibyte,
    byteCount(mebibyte),
    "bytes of one log entry; each write must fit into one",
  ),
  batchReadBytesMax: setting(
    "batch-read-bytes-max",
    8 * mebibyte,
    byteCount(1024),
    "bytes that the reads of one batch may answer with",
  ),
  answerBytesMax: setting(
    "answer-bytes-max",
    128 * mebibyte,
    byteCount(mebibyte),
    "bytes of large answers held for their clients; beyond it 429",
  ),
  connectionAnswerBytesMax: setting(
    "connection-answer-bytes-max",
    32 * mebibyte,
    byteCount(mebibyte),
    "the same, for one connection",
  ),
  answerBytesPerClientMax: setting(
    "answer-bytes-per-client-max",
    0,
    byteCount(0),
    "the same, for one client; 0 is three quarters of --answer-bytes-max",
  ),
  sendTimeoutMs: setting(
    "send-timeout-ms",
    60_000,
    integer(100),
    "time without progress after which a client that does not read is disconnected",
  ),
  headerBytesMax: setting("header-bytes-max", 48 * 1024, byteCount(4096), "URL and headers of a request"),
  headersTimeoutMs: setting(
    "headers-timeout-ms",
    10_000,
    integer(100),
    "time for the URL and headers of a request to arrive",
  ),
  requestTimeoutMs: setting(
    "request-timeout-ms",
    30_000,
    integer(100),
    "time for a complete request to arrive, and for each line of an import",
  ),
  keepAliveTimeoutMs: setting(
    "keep-alive-timeout-ms",
    72_000,
    integer(100),
    "idle time before a keep-alive connection is closed",
  ),
  connectionsMax: setting(
    "connections-max",
    30_000,
    integer(1),
    "connections served; beyond it, only keepalives, closes of sessions and health probes",
  ),
  connectionsPerClientMax: setting(
    "connections-per-client-max",
    0,
    integer(0),
    "of these, one client's (by network address); 0 is three quarters",
  ),
  requestsPerConnectionMax: setting(
    "requests-per-connection-max",
    128,
    integer(1),
    "requests under way on one connection; pipelined ones wait, and HTTP/2 gets this many streams",
  ),
  waitsPerConnectionMax: setting(
    "waits-per-connection-max",
    100,
    integer(1),
    "streams, long polls and waiting claims on one connection before 429",
  ),
  waitsPerClientMax: setting(
    "waits-per-client-max",
    0,
    integer(0),
    "long polls and waiting claims of one client; 0 is three quarters of --claim-waiters-max",
  ),
  streamsPerClientMax: setting(
    "streams-per-client-max",
    0,
    integer(0),
    "streams of any kind of one client; 0 is three quarters of --streams-max",
  ),
  sessionsPerClientMax: setting(
    "sessions-per-client-max",
    50_000,
    integer(1),
    "sessions of one client, of those opened since the start",
  ),
  ratePerSecond: setting(
    "rate-per-second",
    0,
    integer(0, 1_000_000),
    "what one client may ask for in a second, a read being 1 and a write 2; 0 is no bound",
  ),
  rateBurst: setting(
    "rate-burst",
    0,
    integer(0, 10_000_000),
    "what it may ask for at once when it has rested; 0 is twice --rate-per-second",
  ),
  jsonValuesMax: setting(
    "json-values-max",
    50_000,
    integer(1000),
    "JSON values in one request: lists, objects and their members",
  ),
  jsonDepthMax: setting("json-depth-max", 32, integer(8, 1000), "nesting depth of JSON"),
  pathLengthMax: setting("path-length-max", 4096, integer(16, 16_384), "characters of a path"),
  metadataBytesMax: setting(
    "metadata-bytes-max",
    4096,
    byteCount(16),
    "bytes of metadata on a claim, candidate or service instance",
  ),
  barrierCountMax: setting("barrier-count-max", 10_000, integer(1), "participants a barrier may wait for"),
  claimWaitersMax: setting(
    "claim-waiters-max",
    20_000,
    integer(1),
    "requests waiting for locks, elections and barriers; and, separately, streams of their holders",
  ),
  treeBytesMax: setting(
    "tree-bytes-max",
    0,
    byteCount(0),
    "approximate memory for the tree; 0 is half of the free heap of Node.js",
  ),
  queueCommandsMax: setting(
    "queue-commands-max",
    10_000,
    integer(1),
    "writes waiting for the log before 429",
  ),
  queueBytesMax: setting(
    "queue-bytes-max",
    64 * mebibyte,
    byteCount(mebibyte),
    "bytes of writes waiting before 429",
  ),
  queueCommandsPerClientMax: setting(
    "queue-commands-per-client-max",
    0,
    integer(0),
    "of these writes, one client's; 0 is half of --queue-commands-max",
  ),
  queueBytesPerClientMax: setting(
    "queue-bytes-per-client-max",
    0,
    byteCount(0),
    "of these bytes, one client's; 0 is half of --queue-bytes-max",
  ),
  appendMsMax: setting(
    "append-ms-max",
    5000,
    integer(100),
    "time a write may wait for the disk before /readyz says that it hangs",
  ),

  idempotencyAgeMsMax: setting(
    "idempotency-age-ms-max",
    86_400_000,
    integer(1000),
    "time for which the answer to an Idempotency-Key is kept, while the service runs",
  ),
  idempotencyKeysMax: setting(
    "idempotency-keys-max",
    100_000,
    integer(1),
    "answers kept for such keys; beyond it, the client with most of them loses its oldest",
  ),
  idempotencyBytesMax: setting(
    "idempotency-bytes-max",
    64 * mebibyte,
    byteCount(65_536),
    "bytes of these answers; a sixteenth of --database-bytes-max at most",
  ),

  historyMessagesMax: setting("history-messages-max", 100_000, integer(1), "changes a watch can resume over"),
  historyBytesMax: setting(
    "history-bytes-max",
    64 * mebibyte,
    byteCount(mebibyte),
    "bytes of changes kept for resuming",
  ),
  historyAgeMsMax: setting("history-age-ms-max", 600_000, integer(1000), "age of changes kept for resuming"),
  streamsMax: setting("streams-max", 20_000, integer(1), "watch streams open at once"),
  streamLifetimeMsMax: setting(
    "stream-lifetime-ms-max",
    3_600_000,
    integer(1000),
    "time after which a watch stream says bye and its client comes back",
  ),
  streamBufferBytesMax: setting(
    "stream-buffer-bytes-max",
    mebibyte / 4,
    byteCount(4096),
    "unsent bytes at which a slow watch is left to catch up from the history",
  ),
  snapshotPageZnodesMax: setting(
    "snapshot-page-znodes-max",
    500,
    integer(1),
    "znodes in one snapshot message",
  ),
  snapshotPageBytesMax: setting(
    "snapshot-page-bytes-max",
    65_536,
    byteCount(1024),
    "bytes in one snapshot message",
  ),
  snapshotKeptBytesMax: setting(
    "snapshot-kept-bytes-max",
    64 * mebibyte,
    byteCount(mebibyte),
    "bytes of old versions kept for slow readers of a snapshot; beyond it the reader is disconnected",
  ),

  recentEntriesBytesMax: setting(
    "recent-entries-bytes-max",
    32 * mebibyte,
    byteCount(0),
    "bytes of the last log entries kept in memory for servers that follow this one; 0 is none, and nobody can",
  ),

  sweepIntervalMs: setting(
    "sweep-interval-ms",
    60_000,
    integer(10, 86_400_000),
    "time between two sweeps of containers and znodes with a TTL",
  ),
  sweepsPerMinuteMax: setting(
    "sweeps-per-minute-max",
    10_000,
    integer(1),
    "znodes that sweeps delete in a minute",
  ),
  containerNeverUsedMsMax: setting(
    "container-never-used-ms-max",
    300_000,
    integer(0),
    "time a container may wait for its first child; 0 is forever",
  ),

  databaseBytesMax: setting(
    "database-bytes-max",
    0,
    byteCount(0),
    "size of the database file; 0 is unlimited",
  ),
  freeBytesMin: setting(
    "free-bytes-min",
    128 * mebibyte,
    byteCount(0),
    "free space, including empty pages of the file, below which the store is read-only",
  ),
  ballastBytes: setting(
    "ballast-bytes",
    16 * mebibyte,
    byteCount(0),
    "size of a file that is deleted when the disk is full, to make room",
  ),
  checkpointBytes: setting(
    "checkpoint-bytes",
    16 * mebibyte,
    byteCount(mebibyte),
    "WAL size that starts a checkpoint",
  ),
  walBytesMax: setting(
    "wal-bytes-max",
    64 * mebibyte,
    byteCount(mebibyte),
    "WAL size beyond which a reader that blocks checkpoints is logged",
  ),
  unsafeFilesystem: setting("unsafe-filesystem", false, yesOrNo, "allow a network filesystem"),
} as const;

export type Config = { readonly [Name in keyof typeof settings]: (typeof settings)[Name]["initial"] };

/** `--data-dir` is `TREEKEEPER_DATA_DIR` in the environment. */
function environmentName(flag: string): string {
  return `TREEKEEPER_${flag.toUpperCase().replaceAll("-", "_")}`;
}

/**
 * What Kubernetes, for a Service of this name, and Docker's links put into the environment:
 * `TREEKEEPER_PORT=tcp://10.96.0.5:2281`. No setting has such a value.
 */
const serviceLink = /^(?:tcp|udp|sctp):\/\//;

export const settingVariables = Object.values(settings).map(({ flag }) => environmentName(flag));

/**
 * Takes out of the environment what has a setting's name and is none: a variable that is empty, as tools leave one
 * out, and a foreign one. @returns the names of the foreign ones, for a line in the log
 */
export function dropForeignVariables(env: NodeJS.ProcessEnv): string[] {
  const foreign = settingVariables.filter((name) => serviceLink.test(env[name] ?? ""));
  for (const name of settingVariables) if (env[name] === "" || foreign.includes(name)) delete env[name];
  return foreign;
}

/**
 * The settings in force: flags first, then the environment, then the file, then what is built in.
 * Prints the table and exits for --help, and what is in force for --print-config; prints a sentence and exits with 1 when
 * something is wrong.
 */
export function readConfig(argv: readonly string[], version: string): Config {
  const command = commandFor(version).parse(argv);
  const lines = settingsFileFor(command);
  const { printConfig, ...config } = command.opts<Config & { readonly printConfig?: true }>();
  const fault = contradictionIn(config);
  if (fault !== null) command.error(`error: ${fault}`);
  const inForce = withShares(withinHeap(withinDatabase(config)));
  if (printConfig) {
    process.stdout.write(textOf(inForce, command, lines));
    process.exit(0);
  }
  return inForce;
}

const rows = Object.entries<Setting<unknown>>(settings);

function commandFor(version: string): Command {
  const command = new Command("treekeeper")
    .description("A coordination service that speaks HTTP and Server-Sent Events.")
    .version(version)
    .configureHelp(helpWrapping)
    .configureOutput({ getOutHelpWidth: helpColumns })
    .allowExcessArguments(false);
  for (const [, { flag, meaning, initial, parse }] of rows) {
    // Of what is asked for or not, the flag alone says that it is.
    const value = initial === false ? "[value]" : "<value>";
    const option = new Option(`--${flag} ${value}`, meaning).env(environmentName(flag)).default(initial);
    command.addOption((initial === false ? option.preset("true") : option).argParser(parse));
  }
  return command
    .option("--print-config", "print what is in force, as such a file and with where it is from, and end")
    .addHelpText("after", fileHelp)
    .addHelpText("after", `\nSafe set-up, where others are to be let in:\n  ${safeSetUp.join("\n  ")}`);
}

const fileHelp = `
Flags go before the environment, the environment before the file of --config. In the file names
have no dashes in front:
  # a comment
  data-dir = /var/lib/treekeeper/data`;

/** Takes the file's settings where neither a flag nor the environment has them. @returns the line of each it has */
function settingsFileFor(command: Command): ReadonlyMap<string, number> {
  const { config: file } = command.opts<Config>();
  const lineOf = new Map<string, number>();
  if (file === "") return lineOf;
  try {
    for (const { name, value, line } of readSettingsFile(file)) {
      const [key, parsed] = parsedSetting(name, value, { file, line, name });
      lineOf.set(key, line);
      if (command.getOptionValueSource(key) === "default")
        command.setOptionValueWithSource(key, parsed, "config");
    }
  } catch (error) {
    if (!(error instanceof SettingsFileError)) throw error;
    command.error(`error: ${printableLine(error.message)}`);
  }
  return lineOf;
}

/** @throws SettingsFileError where there is no such setting, or not with such a value */
function parsedSetting(name: string, value: string, place: Parameters<typeof lineFault>[0]) {
  const [key, row] = rows.find(([, { flag }]) => flag === name) ?? [];
  if (key === undefined || row === undefined)
    throw lineFault(place, "There is no such setting; --help lists them all.");
  if (row === settings.config) throw lineFault(place, "A file names no other.");
  try {
    return [key, row.parse(value)] as const;
  } catch (error) {
    throw error instanceof InvalidArgumentError ? lineFault(place, error.message) : error;
  }
}

/** In the form of a file of settings. What is not built in has a comment that says where it is from. */
function textOf(config: Config, command: Command, lines: ReadonlyMap<string, number>): string {
  const settingOf = ([key, { flag }]: (typeof rows)[number]) => {
    const origins: Record<string, string> = {
      cli: `# from --${flag}\n`,
      env: `# from ${environmentName(flag)}\n`,
      config: `# from ${printableLine(config.config)}:${lines.get(key)}\n`,
    };
    const origin = origins[command.getOptionValueSource(key) ?? ""] ?? "";
    return `${origin}${`${flag} = ${printableLine(String(config[key as keyof Config]))}`.trimEnd()}\n`;
  };
  return rows
    .filter(([key]) => key !== "config")
    .map(settingOf)
    .join("");
}

/** What one client may have where nothing is said: most of what there is, so that there is something left for others. */
function withShares(config: Config): Config {
  const { connectionsMax, claimWaitersMax, streamsMax, answerBytesMax, queueCommandsMax, queueBytesMax } =
    config;
  const or = (set: number, share: number) => (set === 0 ? Math.ceil(share) : set);
  return {
    ...config,
    connectionsPerClientMax: or(config.connectionsPerClientMax, connectionsMax * largeShare),
    waitsPerClientMax: or(config.waitsPerClientMax, claimWaitersMax * largeShare),
    answerBytesPerClientMax: or(config.answerBytesPerClientMax, answerBytesMax * largeShare),
    streamsPerClientMax: or(config.streamsPerClientMax, streamsMax * largeShare),
    queueCommandsPerClientMax: or(config.queueCommandsPerClientMax, queueCommandsMax / 2),
    queueBytesPerClientMax: or(config.queueBytesPerClientMax, queueBytesMax / 2),
    rateBurst: or(config.rateBurst, config.ratePerSecond * 2),
  };
}

/** Where all come through one proxy it is one client. */
const largeShare = 3 / 4;

/** Kept answers must not be what fills a file that has a bound: no deletion of a client's makes them fewer. */
function withinDatabase(config: Config): Config {
  if (config.databaseBytesMax === 0) return config;
  const share = Math.floor(config.databaseBytesMax / 16);
  return { ...config, idempotencyBytesMax: Math.min(config.idempotencyBytesMax, share) };
}

/** Memory that Node.js may have for objects: more is the end of the process. */
const heapBytes = getHeapStatistics().heap_size_limit;

/** The program itself, and requests on their way. */
const heapBytesOfProgram = 64 * mebibyte;
const treeBytesMin = 8 * mebibyte;

/** The heap holds the history and the kept answers as well, and needs room to collect garbage in. */
function withinHeap(config: Config): Config {
  if (config.treeBytesMax !== 0) return config;
  const left = heapBytes - heapBytesOfProgram - config.historyBytesMax - config.idempotencyBytesMax;
  return { ...config, treeBytesMax: Math.max(treeBytesMin, Math.floor(left / 2)) };
}

/** The settings that bound something, by name: all numbers but the port. */
export function boundsOf({ port: _, ...others }: Config): Record<string, number> {
  const numbers = Object.entries(others).filter(
    (entry): entry is [string, number] => typeof entry[1] === "number",
  );
  return Object.fromEntries(numbers);
}

/** What a write has besides data: a path, fences, an answer's key. */
const entryOverheadBytes = 65_536;

/** A character of a path is at most three bytes of UTF-8, each of which is three characters of a URL. */
const pathCharacterBytesMax = 9;
/** What a request has besides its path. */
const otherHeaderBytes = 4096;

function contradictionAboutEtcd(config: Config): string | null {
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

function contradictionAboutFollowing(config: Config): string | null {
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

function contradictionIn(config: Config): string | null {
  const { sessionTimeoutMsMin: min, sessionTimeoutMsMax: max, sessionTimeoutMsDefault: initial } = config;
  if (min > max) return `--session-timeout-ms-min (${min}) is above --session-timeout-ms-max (${max}).`;
  if (initial < min || initial > max) {
    return `--session-timeout-ms-default (${initial}) is not between the shortest (${min}) and the longest (${max}).`;
  }
  if (config.auditFile !== "" && dirname(resolve(config.auditFile)) === resolve(config.dataDir)) {
    return `--audit-file (${config.auditFile}) may not be in the data directory, which is the store's alone.`;
  }
  if (config.backupDir !== "" && resolve(config.backupDir) === resolve(config.dataDir)) {
    return "--backup-dir may not be the data directory, which is the store's alone.";
  }
  if (config.backupDir === "" && config.backupCommand !== "") return "--backup-command needs --backup-dir.";
  if ((config.tlsCert === "") !== (config.tlsKey === "")) return "--tls-cert and --tls-key go together.";
  if (config.tlsClientCa !== "" && config.tlsCert === "") return "--tls-client-ca needs --tls-cert.";
  // A browser shows its user's certificate with whatever a page has it send.
  if (config.tlsClientCa !== "" && config.corsOrigin === "*")
    return "--cors-origin * would let any page write by its reader's certificate (--tls-client-ca): name the origins.";
  if (config.jwtKeys === "" && (config.jwtIssuer !== "" || config.jwtAudience !== ""))
    return "--jwt-issuer and --jwt-audience need --jwt-keys.";
  const logFault = contradictionAboutEtcd(config) ?? contradictionAboutFollowing(config);
  if (logFault !== null) return logFault;
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
  const bodyBytesMax = Math.max(config.dataBytesMax, config.transactionBytesMax);
  if (bodyBytesMax > config.bodiesBytesMax)
    return `--bodies-bytes-max is below what one body may have (${bodyBytesMax}).`;
  const headerBytes = config.pathLengthMax * pathCharacterBytesMax + otherHeaderBytes;
  if (config.headerBytesMax < headerBytes) {
    return `--header-bytes-max (${config.headerBytesMax}) is below ${headerBytes}, which a request for a path of --path-length-max (${config.pathLengthMax}) characters may take.`;
  }
  if (config.treeBytesMax > heapBytes * 0.75) {
    return `--tree-bytes-max (${config.treeBytesMax}) is above three quarters of the heap (${heapBytes}); NODE_OPTIONS=--max-old-space-size=MIB makes that larger.`;
  }
  // So many values, its own included, does the longest operation have.
  const valuesMin = config.operationsMax * 12;
  if (config.jsonValuesMax < valuesMin)
    return `--json-values-max (${config.jsonValuesMax}) is below what --operations-max may need (${valuesMin}).`;
  if (config.checkpointBytes > config.walBytesMax) return "--checkpoint-bytes is above --wal-bytes-max.";
  return null;
}
