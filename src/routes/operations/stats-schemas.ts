// The shape of GET /v1/stats, and an example of it.

import { Type } from "typebox";
import { etcdSchema, exampleEtcd } from "./etcd-figures.ts";
import { checkSchema } from "./health.ts";

const count = (description: string) => Type.Integer({ description });
const total = (description: string) => Type.Integer({ description: `${description}, since the start.` });
const bytes = (description: string) => Type.Integer({ description });
const ms = (description: string) => Type.Number({ description });

const durationSchema = Type.Object(
  {
    count: count("How often."),
    meanMs: ms("The mean."),
    halfWithinMs: Type.Union([Type.Number(), Type.Null()], {
      description: "Half took no longer than this; null for longer than is told apart.",
    }),
    p99WithinMs: Type.Union([Type.Number(), Type.Null()], {
      description: "99 in 100 took no longer than this; null for longer than is told apart.",
    }),
  },
  { title: "DurationFigures", description: "How long something took, since the start." },
);

const limitInUse = Type.Object(
  {
    limit: Type.String({
      description: "By its name in /v1/limits; `disk` and `heap` are what the machine and Node give.",
    }),
    used: count("What is used of it."),
    limitValue: count("What there is."),
  },
  { title: "LimitInUse" },
);

const warning = Type.Object(
  {
    code: Type.String({ description: "What programs go by; there may be others one day." }),
    message: Type.String({ description: "What it is, for people." }),
  },
  { title: "Warning" },
);

const tree = Type.Object(
  {
    znodes: count("Znodes, the root among them."),
    dataBytes: bytes("Of their data."),
    memoryBytes: bytes("About what the state takes in memory, as treeBytesMax counts."),
    containersAndTtls: count("Znodes that may go by themselves."),
    quotas: count("Quotas."),
    acls: count("Different access control lists that znodes have."),
  },
  { title: "TreeFigures" },
);

const oldestSession = Type.Object(
  { id: Type.String(), name: Type.String(), openedAtMs: Type.Integer({ description: "Wall time." }) },
  { title: "OldestSession" },
);

const sessions = Type.Object(
  {
    open: count("Sessions."),
    openedTotal: total("Opened"),
    closedTotal: total("Closed"),
    expiredTotal: total("Expired"),
    expiryLatenessMsMax: ms("How late the end of a timeout was noticed at worst."),
    stallsTotal: total("Pauses of the process, which count against no session"),
    stalledMsTotal: ms("How long they were in all."),
    oldest: Type.Union([oldestSession, Type.Null()], { description: "The one that was opened first." }),
  },
  { title: "SessionFigures" },
);

const coordination = Type.Object(
  {
    locks: count("Locks, held or not."),
    elections: count("Elections, with or without a leader."),
    waiters: count("Requests that wait for a place."),
    lockWaiters: count("Of these, for a lock."),
    electionWaiters: count("For an election."),
    barrierWaiters: count("At a barrier."),
    listeners: count("Streams of who holds and who leads."),
  },
  { title: "CoordinationFigures" },
);

const connections = Type.Object(
  {
    open: count("Connections."),
    clients: count("Clients that have them."),
    http2: count("Of these, those of HTTP/2."),
    surplus: count("Those beyond a bound, on which sessions alone are kept and closed."),
    turnedAwayTotal: total("Closed unheard, for want of room"),
  },
  { title: "ConnectionFigures" },
);

const streams = Type.Object(
  {
    watches: count("Streams that watch znodes and services."),
    others: count("Streams of holders, leaders and ends of sessions."),
    behind: count("Watches that are not told live."),
    lagZxidsMax: count("Transactions that the last of them is behind."),
    bufferedBytes: bytes("Handed over, and not taken by clients."),
    openedTotal: total("Watches opened"),
  },
  { title: "StreamFigures" },
);

const history = Type.Object(
  {
    messages: count("Transactions that can be told again."),
    bytes: bytes("What they take."),
    oldestZxid: count("A watch can resume after this transaction and any later one."),
  },
  { title: "HistoryFigures" },
);

const followers = Type.Object(
  {
    count: count("Servers that read the log of this one."),
    keptEntries: count("Log entries that are kept in memory for them."),
    keptBytes: bytes("What those take."),
  },
  { title: "FollowerFigures" },
);

const followed = Type.Object(
  {
    lagEntries: count("Log entries that the other server is known to have and this one lacks."),
    lagMs: count("For how long this server has not been known to have all."),
  },
  { title: "FollowedFigures" },
);

const requests = Type.Object(
  {
    answeredTotal: total("Requests answered"),
    clientFaultsTotal: total("Of these, with a status of 400 to 499"),
    serverFaultsTotal: total("Of these, with a status of 500 and above"),
    unreadableTotal: total("What came and was no request"),
    queuedCommands: count("Writes in line for the log."),
    queuedBytes: bytes("What they take."),
    oldestAppendMs: ms("How long the log has not answered; 0 where it owes no answer."),
  },
  { title: "RequestFigures" },
);

const storage = Type.Object(
  {
    directoryBytes: bytes("The data directory: the database, its write-ahead log and the ballast."),
    databaseBytes: bytes("The database file."),
    emptyBytes: bytes("Of it, pages that hold nothing."),
    walBytes: bytes("What stands in the write-ahead log and is not in the file yet."),
    walFileBytes: bytes("The write-ahead log's file, which is written over from its beginning."),
    diskBytes: bytes("The disk."),
    diskFreeBytes: bytes("What it has left, at the last look."),
    walBlockedMs: ms("How long a reader of the file has kept the log from being emptied; 0 for none."),
    commitsTotal: total("Commits that were synced"),
    lastCommitMs: ms("How long the last one took."),
  },
  { title: "StorageFigures" },
);

const processFigures = Type.Object(
  {
    residentBytes: bytes("Memory of the process."),
    heapUsedBytes: bytes("Of it, what the heap holds."),
    heapBytesMax: bytes("What the heap may take."),
    externalBytes: bytes("Buffers, outside of the heap."),
    cpuMsTotal: total("Processor time in milliseconds"),
  },
  { title: "ProcessFigures" },
);

export const statsAnswer = Type.Object(
  {
    version: Type.String({ description: "Of the service." }),
    upForMs: Type.Integer({ description: "How long the server has run." }),
    zxid: count("The last transaction."),
    epoch: Type.String({ description: "The past it belongs to; empty before the first write." }),
    readiness: Type.Object(
      { ready: Type.Boolean(), checks: Type.Array(checkSchema) },
      { title: "ReadinessFigures", description: "What /readyz says, with all causes." },
    ),
    warnings: Type.Array(warning, { description: "What an operator should look at; best empty." }),
    limits: Type.Array(limitInUse, { description: "Bounds of the whole service, and what is used of them." }),
    ...{ tree, sessions, coordination, connections, streams, history, followers },
    followed: Type.Union([followed, Type.Null()], {
      description: "How far this server is behind the one that it follows; null where it follows none.",
    }),
    requests,
    storage: Type.Union([storage, Type.Null()], { description: "null where there is no file." }),
    process: Type.Union([processFigures, Type.Null()], { description: "null where it is not measured." }),
    etcd: Type.Union([etcdSchema, Type.Null()], {
      description: "null where the log is in the data directory.",
    }),
    durations: Type.Object(
      {
        requests: durationSchema,
        writes: durationSchema,
        commits: durationSchema,
        eventLoop: durationSchema,
      },
      {
        title: "Durations",
        description:
          "requests: until they are answered, long polls among them; writes: from the log's being asked to the answer; " +
          "commits: on the disk; eventLoop: how late what was due came to run.",
      },
    ),
  },
  { title: "ServiceStats" },
);

const exampleDuration = { count: 1200, meanMs: 0.412, halfWithinMs: 0.5, p99WithinMs: 5 };

export const exampleStats = {
  version: "0.1.0",
  upForMs: 3_600_000,
  zxid: 1042,
  epoch: "3f9a01c2d4",
  readiness: {
    ready: true,
    checks: [{ name: "disk", status: "ok", sentence: "It answers.", sinceMs: 1_700_000_000_000 }],
  },
  warnings: [{ code: "near_disk", message: "the disk is 92 % full" }],
  limits: [{ limit: "disk", used: 920_000_000_000, limitValue: 1_000_000_000_000 }],
  tree: {
    ...{ znodes: 120, dataBytes: 31_008, memoryBytes: 98_304 },
    ...{ containersAndTtls: 2, quotas: 0, acls: 1 },
  },
  sessions: {
    ...{ open: 3, openedTotal: 12, closedTotal: 7, expiredTotal: 2 },
    ...{ expiryLatenessMsMax: 61, stallsTotal: 0, stalledMsTotal: 0 },
    oldest: { id: "1f3a5c7e9b2d4f60", name: "web-1", openedAtMs: 1_700_000_000_000 },
  },
  coordination: {
    ...{ locks: 4, elections: 1, waiters: 1, lockWaiters: 1 },
    ...{ electionWaiters: 0, barrierWaiters: 0, listeners: 0 },
  },
  connections: { open: 5, clients: 2, http2: 0, surplus: 0, turnedAwayTotal: 0 },
  streams: { watches: 2, others: 0, behind: 0, lagZxidsMax: 0, bufferedBytes: 0, openedTotal: 9 },
  history: { messages: 1020, bytes: 310_080, oldestZxid: 17 },
  followers: { count: 1, keptEntries: 512, keptBytes: 120_400 },
  followed: { lagEntries: 2, lagMs: 15 },
  requests: {
    ...{ answeredTotal: 1200, clientFaultsTotal: 4, serverFaultsTotal: 0, unreadableTotal: 0 },
    ...{ queuedCommands: 0, queuedBytes: 0, oldestAppendMs: 0 },
  },
  storage: {
    ...{ directoryBytes: 21_053_440, databaseBytes: 262_144, emptyBytes: 4096, walBytes: 40_960 },
    ...{ walFileBytes: 4_014_080, diskBytes: 1_000_000_000_000, diskFreeBytes: 80_000_000_000 },
    ...{ walBlockedMs: 0, commitsTotal: 1042, lastCommitMs: 1.204 },
  },
  process: {
    ...{ residentBytes: 105_906_176, heapUsedBytes: 21_495_808, heapBytesMax: 4_345_298_944 },
    ...{ externalBytes: 4_194_304, cpuMsTotal: 2210 },
  },
  etcd: exampleEtcd,
  durations: {
    ...{ requests: exampleDuration, writes: exampleDuration },
    ...{ commits: exampleDuration, eventLoop: exampleDuration },
  },
};
