// What programs import as `treekeeper` or `treekeeper/client`: the client, and the types of what it is given and gives back.

import "./platform.ts";

export type { Verb } from "../core/access/verbs.ts";
export type { Permission } from "../core/acl/acl.ts";
export type { InstanceState, InstanceView } from "../core/coordination/instances.ts";
export type { Stat } from "../core/tree/stat.ts";
export type { Fence, ZnodeTag } from "../core/write-context.ts";
export type { AccessPolicies, AccessPolicy, PolicyRule } from "./access/policies.ts";
export type {
  AccessToken,
  AccessTokenChanges,
  AccessTokenRequest,
  AccessTokens,
  NewAccessToken,
  RotateOptions,
} from "./access/tokens.ts";
export type { Backup } from "./backup.ts";
export type { AccessTokenSource } from "./calls/bearer.ts";
export type { CallOptions, ReadOptions } from "./calls/calls.ts";
export type { ClientClock, Instant } from "./calls/clock.ts";
export {
  ConnectionError,
  ForbiddenError,
  HoldLostError,
  type ProblemCode,
  RequestError,
  type SessionEnd,
  SessionLostError,
  UnauthenticatedError,
} from "./calls/errors.ts";
export {
  Client,
  type ClientOptions,
  type Identity,
  type Limits,
  type SessionCredentials,
} from "./client.ts";
export type { Barrier, BarrierOptions } from "./coordination/barriers.ts";
export type { Counter, CountOptions } from "./coordination/counters.ts";
export type { ElectOptions, Leadership } from "./coordination/elections.ts";
export type { Hold } from "./coordination/hold.ts";
export type { Listing, ListingOptions, ListingState } from "./coordination/listing.ts";
export type { LockOptions } from "./coordination/locks.ts";
export type {
  BarrierSummary,
  CounterSummary,
  ElectionSummary,
  ListOptions,
  LockClaim,
  LockState,
  LockSummary,
} from "./coordination/resource-lists.ts";
export type { Instance, RegisterOptions, Registration, ServiceSummary } from "./coordination/services.ts";
export type { DrainPlan } from "./service/drain.ts";
export type { EndedSession } from "./service/ended-sessions.ts";
export type { HealthCheck, Readiness } from "./service/readiness.ts";
export type { DurationFigures, LimitInUse, ServiceStats, Warning } from "./service/stats.ts";
export type { Session, SessionOptions } from "./sessions/session.ts";
export type { SessionState } from "./sessions/session-life.ts";
export type { SessionDescription, SessionSummary } from "./sessions/session-list.ts";
export type { WatchOptions } from "./watches/follow.ts";
export type { ChangeMessage, WatchMessage, ZnodeEvent } from "./watches/messages.ts";
export type {
  ServiceChange,
  ServiceCopy,
  ServiceFilter,
  ServiceOptions,
  ServiceState,
} from "./watches/service-copy.ts";
export type { InstanceEvent } from "./watches/service-messages.ts";
export type { TreeChange, TreeCopy, TreeOptions, TreeState } from "./watches/tree-copy.ts";
export type { WatchRequest } from "./watches/watch.ts";
export type { DeleteProgress, DeleteTreeOptions } from "./znodes/delete-tree.ts";
export type { ImportOptions, ImportProgress } from "./znodes/import.ts";
export type {
  AclEntry,
  BatchOperation,
  DataInput,
  NewZnodeMode,
  TransactionOperation,
} from "./znodes/operations.ts";
export type {
  BatchOptions,
  ChangeOptions,
  ChildrenOptions,
  ChildZnodesOptions,
  CreateOptions,
  DeleteOptions,
  SetAclOptions,
  SetOptions,
  SubtreeOptions,
  WaitOptions,
  WriteOptions,
} from "./znodes/options.ts";
export type { ZnodeData } from "./znodes/znode-data.ts";
export type {
  ChildrenPage,
  ListedZnode,
  Transacted,
  WrittenZnode,
  Znode,
  ZnodeAcl,
} from "./znodes/znodes.ts";
