// Tests of the API, of watches, coordination, the client and several servers that say nothing about a log in etcd, or are
// about one server where any of several answers. All others run over both (vitest.config.ts).

import { type Reasons, reasonAmong } from "../support/left-out.ts";

export const aboutOtherLogs: Reasons = {
  "routes/outcomes.test.ts whoever sets a lock":
    "holds the log until all have come; a session of several servers is confirmed by way of the log",
  "routes/outcomes.test.ts whoever enters a barrier":
    "holds the log until all have come; a session of several servers is confirmed by way of the log",
  "routes/client-shares.test.ts one client fills": "counts the entries that other logs work on at once",
  "routes/client-shares.test.ts a client's share of the line":
    "counts the entries that other logs work on at once",
  "routes/spans.test.ts without an SDK":
    "counts commands; who keeps house for several servers says so by one more",
  "routes/health.test.ts a disk that hangs":
    "holds the log for longer than a housekeeper of several servers may be silent, which fails a check of its own",
  "routes/health.test.ts a log without room":
    "is about a log that takes no entry until it is asked for one; the housekeeper of several servers asks by itself",
  "routes/health.test.ts a server that has much":
    "is about entries that are all at hand; those in etcd are done as they come, before the server is asked anything",
  "servers/followers.test.ts ":
    "makes pasts that differ with logs in memory; test/etcd/followers.test.ts follows servers over etcd",
  "servers/upstream-log.test.ts ":
    "is about the log as HTTP tells it, whatever is behind it, and counts entries from the first",
  "routes/stats.test.ts a service with a file":
    "is about the log in the file, to which every write goes before its answer",
};

export const aboutOneServer: Reasons = {
  "watches/long-poll.test.ts a znode that is yet to come": "counts the streams of the server that is asked",
  "routes/outcomes.test.ts whoever adds": "holds the log of one server until all have come there",
  "routes/openapi-examples.test.ts endWatch": "the streams are those of the server that is asked",
  "routes/backup.test.ts ": "the backup is that of the server that is asked",
  "routes/batch.test.ts a batch on a full disk": "the log of one server has no room",
  "coordination/waiting.test.ts a client that asked twice":
    "what one server has read says nothing of another; test/servers/claims.test.ts has the same promise of several",
  "coordination/waiting.test.ts streams of holders": "the goodbye is that of the one server that stops",
  "routes/health.test.ts where access control is on": "the log of one server has no room",
  "routes/stats.test.ts ": "the figures are those of the server that is asked",
  "routes/drain.test.ts ": "the streams and connections that are shed are those of the server that is asked",
  "routes/connections.test.ts ": "the connections are those of the server that is asked",
  "routes/delete-in-parts.test.ts how far a delete is": "writes between the parts as one server does them",
};

export function reasonToLeaveOut(file: string, title: string, servers: number): string | undefined {
  return reasonAmong({ ...aboutOtherLogs, ...(servers > 1 && aboutOneServer) }, file, title);
}
