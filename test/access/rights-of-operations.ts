// What each operation takes: one row for each in the OpenAPI document, about its example request. Whoever adds an operation
// says here who may call it.

import type { Verb } from "../../src/core/access/verbs.ts";

/** Rights by path; without any one of them it is refused. */
export type Needs = readonly (readonly [path: string, verb: Verb])[];

export type OperationRights =
  /** Told to everybody, known or not. */
  | "open"
  /** To everybody who is known; what they may not see is left out, or refused piece by piece. */
  | "known"
  /** To whoever opened the session that the request names; another's is as one that is gone. */
  | "own session"
  | { readonly needs: Needs }
  /** One of them is enough. Of a place in a queue, another's is to whoever may not read it as one that was released. */
  | { readonly anyOf: Needs; readonly isOfPlace?: true };

const admin: OperationRights = { needs: [["/", "admin"]] };
const needs = (path: string, ...verbs: readonly Verb[]): OperationRights => ({
  needs: verbs.map((verb) => [path, verb] as const),
});

const place = (path: string): OperationRights => ({
  anyOf: [
    [path, "read"],
    [path, "coordinate"],
  ],
  isOfPlace: true,
});

const watches: OperationRights = {
  needs: [
    ["/services", "read"],
    ["/config", "read"],
  ],
};

/** What recipes keep is written with bare hands by an admin of the path alone. */
const web = "/services/web";

export const rightsOfOperations: Readonly<Record<string, OperationRights>> = {
  getHome: "open",
  checkLiveness: "open",
  checkReadiness: "open",
  getMetrics: {
    anyOf: [
      ["/", "observe"],
      ["/", "admin"],
    ],
  },
  createZnode: needs(web, "admin"),
  setZnode: needs(web, "admin"),
  deleteZnode: needs(web, "admin"),
  getZnode: needs(web, "read"),
  existsZnode: needs(web, "read"),
  getData: needs(web, "read"),
  importTree: {
    needs: [
      ["/services", "read"],
      ["/services", "admin"],
    ],
  },
  importTreeWithProgress: {
    needs: [
      ["/services", "read"],
      ["/services", "admin"],
    ],
  },
  listChildren: needs(web, "read"),
  exportChildren: needs(web, "read"),
  deleteTree: needs(web, "admin"),
  deleteTreeWithProgress: needs(web, "admin"),
  getTree: needs(web, "read"),
  exportTree: needs(web, "read"),
  // Its example is a check.
  transact: {
    anyOf: [
      ["/config", "read"],
      ["/config", "write"],
      ["/config", "create"],
      ["/config", "delete"],
    ],
  },
  setQuota: needs(web, "admin"),
  getQuota: needs(web, "read"),
  deleteQuota: needs(web, "admin"),
  listQuotas: "known",
  getAcl: needs(web, "read"),
  setAcl: needs(web, "admin"),
  runBatch: "known",
  openSession: needs("/", "session"),
  listSessions: admin,
  keepSessionAlive: "own session",
  closeSession: "own session",
  getSession: "own session",
  keepSessionsAlive: "known",
  watchSession: "own session",
  createTicket: "known",
  watch: watches,
  watchByBody: watches,
  listWatches: admin,
  endWatch: admin,
  takeBackup: admin,
  followLog: admin,
  getLogEnd: admin,
  listConnections: admin,
  listServers: admin,
  drain: admin,
  undoDrain: admin,
  endConnection: admin,
  listEndedSessions: admin,
  getEndedSession: admin,
  getLimits: "known",
  getStats: admin,
  sync: "known",
  claimLock: needs("/locks/reports", "coordinate"),
  getClaim: place("/locks/reports"),
  releaseClaim: needs("/locks/reports", "coordinate"),
  listLocks: needs("/locks", "read"),
  getLock: needs("/locks/reports", "read"),
  configureLock: needs("/locks/reports", "coordinate"),
  watchLock: needs("/locks/reports", "read"),
  standForElection: needs("/elections/reports", "coordinate"),
  getCandidate: place("/elections/reports"),
  resignCandidacy: needs("/elections/reports", "coordinate"),
  changeCandidate: needs("/elections/reports", "coordinate"),
  listElections: needs("/elections", "read"),
  getElection: needs("/elections/reports", "read"),
  watchElection: needs("/elections/reports", "read"),
  listServices: needs("/services", "read"),
  getService: needs(web, "read"),
  getInstance: needs(web, "read"),
  registerInstance: needs(web, "coordinate"),
  changeInstance: needs(web, "coordinate"),
  deregisterInstance: needs(web, "coordinate"),
  watchService: needs(web, "read"),
  addToCounter: needs("/counters/reports", "coordinate", "read"),
  getCounter: needs("/counters/reports", "read"),
  listCounters: needs("/counters", "read"),
  passBarrier: needs("/barriers/reports", "coordinate"),
  getBarrier: needs("/barriers/reports", "read"),
  listBarriers: needs("/barriers", "read"),
  listPolicies: admin,
  getPolicy: admin,
  setPolicy: admin,
  deletePolicy: admin,
  listTokens: admin,
  createToken: admin,
  getToken: admin,
  changeToken: admin,
  revokeToken: admin,
  rotateToken: admin,
  whoAmI: "known",
};
