// What programs import as `treekeeper/client`: the client, and the types of what it is given and gives back.

export type { Fence, ZnodeTag } from "../core/command.ts";
export type { InstanceState, InstanceView } from "../core/instances.ts";
export type { Stat } from "../core/stat.ts";
export type { Barrier, BarrierOptions } from "./barriers.ts";
export type { CallOptions } from "./calls.ts";
export {
  Client,
  type ClientOptions,
  type Limits,
  type SessionCredentials,
  type SessionDescription,
  type SessionSummary,
} from "./client.ts";
export type { ClientClock, Instant } from "./clock.ts";
export type { Counter, CountOptions } from "./counters.ts";
export type { DeleteProgress, DeleteTreeOptions } from "./delete-tree.ts";
export type { ElectOptions, Leadership } from "./elections.ts";
export {
  ConnectionError,
  HoldLostError,
  type ProblemCode,
  RequestError,
  type SessionEnd,
  SessionLostError,
} from "./errors.ts";
export type { WatchOptions } from "./follow.ts";
export type { Hold } from "./hold.ts";
export type { ImportOptions, ImportProgress } from "./import.ts";
export type { Listing, ListingOptions, ListingState } from "./listing.ts";
export type { LockOptions } from "./locks.ts";
export type { ChangeMessage, WatchMessage, ZnodeEvent } from "./messages.ts";
export type { BatchOperation, DataInput, NewZnodeMode, TransactionOperation } from "./operations.ts";
export type {
  BarrierSummary,
  CounterSummary,
  ElectionSummary,
  ListOptions,
  LockSummary,
} from "./resource-lists.ts";
export type {
  ServiceChange,
  ServiceCopy,
  ServiceFilter,
  ServiceOptions,
  ServiceState,
} from "./service-copy.ts";
export type { InstanceEvent } from "./service-messages.ts";
export type { Instance, RegisterOptions, Registration, ServiceSummary } from "./services.ts";
export type { Session, SessionOptions } from "./session.ts";
export type { SessionState } from "./session-life.ts";
export type { TreeChange, TreeCopy, TreeOptions, TreeState } from "./tree-copy.ts";
export type { WatchRequest } from "./watch.ts";
export type { ZnodeData } from "./znode-data.ts";
export type {
  ChangeOptions,
  ChildrenOptions,
  ChildrenPage,
  CreateOptions,
  DeleteOptions,
  ListedZnode,
  SetOptions,
  SubtreeOptions,
  Transacted,
  WaitOptions,
  WriteOptions,
  WrittenZnode,
  Znode,
} from "./znodes.ts";
