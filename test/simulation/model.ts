// The rules once more, as plainly as they can be written and slow as that makes it: a map of znodes that is
// copied before each command and thrown away when it is refused. It shares nothing with the core but the
// shapes of commands, so that a mistake would have to be made twice.

import type { Acl } from "../../src/core/acl/acl.ts";
import type {
  CloseSession,
  ConflictRule,
  Create,
  DeleteQuota,
  ImportedZnode,
  ImportZnodes,
  Increment,
  Multi,
  OpenSession,
  Operation,
  QuotaWrite,
  Restore,
  SetAcl,
  SetData,
  SetQuota,
  SingleWrite,
  Sweep,
  TreeCommand,
} from "../../src/core/command.ts";
import type { QuotaLimits } from "../../src/core/quotas/quota.ts";
import type { Restored } from "../../src/core/restored.ts";
import type { CreateMode } from "../../src/core/tree/znode.ts";
import type { Idempotency, WriteContext, ZnodeTag } from "../../src/core/write-context.ts";

export interface ModelZnode {
  data: string;
  czxid: number;
  mzxid: number;
  pzxid: number;
  ctimeMs: number;
  mtimeMs: number;
  version: number;
  aversion: number;
  /** As JSON. */
  acl: string;
  childrenMade: number;
  childrenGone: number;
  /** The next number for a name below. */
  counter: number;
  /** Place in the order of all creations. */
  birth: number;
  owner: string | null;
  sequence: number | null;
  ttlMs: number | null;
  container: boolean;
}

export interface ModelEvent {
  readonly type: "created" | "changed" | "deleted";
  readonly path: string;
  readonly data: string;
  readonly stat: object;
}

export interface ModelAnswer {
  readonly zxid?: number;
  readonly outcome?: unknown;
  readonly replayed?: true;
  readonly refused?: string;
  readonly failedOperation?: number;
  readonly fates?: readonly string[];
  readonly events: readonly ModelEvent[];
}

export interface World {
  zxid: number;
  births: number;
  znodes: Map<string, ModelZnode>;
  sessions: Map<string, object>;
  /** Oldest first. */
  replies: ModelReply[];
  quotas: Map<string, QuotaLimits>;
  restored: Restored;
}

export interface ModelReply {
  readonly key: string;
  readonly request: string;
  readonly zxid: number;
  readonly timeMs: number;
  readonly outcome: unknown;
}

class Refused extends Error {
  readonly code: string;
  failedOperation: number | null = null;

  constructor(code: string) {
    super(code);
    this.code = code;
  }
}

export class Model {
  world: World = {
    ...{ zxid: 0, births: 0, znodes: new Map([["/", newZnode(0, 0, "", 0)]]) },
    ...{ sessions: new Map(), replies: [], quotas: new Map() },
    restored: { id: "", zxid: 0, sequenceFloor: 0 },
  };
  /** Whether no list holds for who asks. */
  skipsLists = false;
  #events: ModelEvent[] = [];
  #timeMs = 0;
  #changed = false;
  #shown: WriteContext["shown"];

  answer(command: TreeCommand | Restore, timeMs: number): ModelAnswer {
    const before = structuredClone(this.world);
    this.#events = [];
    this.#changed = false;
    this.#timeMs = timeMs;
    this.#shown = "shown" in command ? command.shown : undefined;
    this.world.zxid += 1;
    try {
      refuseMalformed(command);
      const asked = "idempotency" in command ? command.idempotency : undefined;
      const kept = asked === undefined ? undefined : this.#keptReply(asked);
      if (kept !== undefined) {
        this.world = before;
        return { zxid: kept.zxid, outcome: kept.outcome, replayed: true, events: [] };
      }
      const outcome = this.#run(command);
      if (!this.#changed) this.world.zxid = before.zxid;
      else if (asked !== undefined) this.#keepReply(asked, outcome);
      return { zxid: this.world.zxid, outcome, events: this.#events };
    } catch (error) {
      this.world = before;
      if (!(error instanceof Refused)) throw error;
      return refusedAnswer(error, command);
    }
  }

  /** The world is now as somebody else has made it, who knows commands that the model does not. */
  adopt(world: World): void {
    this.world = world;
  }

  childrenOf(path: string): string[] {
    const all = [...this.world.znodes.keys()].filter((other) => other !== "/" && parentOf(other) === path);
    return all.map((child) => child.slice(child.lastIndexOf("/") + 1)).sort();
  }

  statOf(path: string): object {
    const znode = this.#existing(path);
    return {
      czxid: znode.czxid,
      mzxid: znode.mzxid,
      pzxid: znode.pzxid,
      ctimeMs: znode.ctimeMs,
      mtimeMs: znode.mtimeMs,
      version: znode.version,
      cversion: znode.childrenMade + znode.childrenGone,
      aversion: znode.aversion,
      ephemeralOwner: znode.owner,
      dataLength: new TextEncoder().encode(znode.data).length,
      numChildren: znode.childrenMade - znode.childrenGone,
      ...(znode.sequence === null ? {} : { sequence: znode.sequence }),
      ...(znode.ttlMs === null ? {} : { ttlMs: znode.ttlMs }),
      ...(znode.container ? { container: true } : {}),
    };
  }

  #keptReply({ key, request, ageMsMax }: Idempotency): ModelReply | undefined {
    const kept = this.world.replies.find((reply) => reply.key === key && !this.#isOld(reply, ageMsMax));
    if (kept !== undefined && kept.request !== request) throw new Refused("idempotency_key_reused");
    return kept;
  }

  #isOld({ timeMs }: ModelReply, ageMsMax: number): boolean {
    return this.#timeMs - timeMs >= ageMsMax;
  }

  /** The newest stays however large it is. */
  #keepReply({ key, request, ageMsMax, keysMax, bytesMax }: Idempotency, outcome: unknown): void {
    const { zxid } = this.world;
    const replies = this.world.replies.filter((reply) => reply.key !== key);
    replies.push({ key, request, zxid, timeMs: this.#timeMs, outcome });
    const bytes = () => replies.map(lengthOf).reduce((sum, length) => sum + length, 0);
    const isOver = () => replies.length > keysMax || bytes() > bytesMax;
    while (replies.length > 1 && (isOver() || this.#isOld(replies[0] as ModelReply, ageMsMax))) {
      replies.shift();
    }
    this.world.replies = replies;
  }

  /** Counted anew at every look. */
  quotaOf(path: string): object {
    const within = [...this.world.znodes].filter(([other]) => isWithin(other, path));
    const bytes = within.reduce((sum, [, { data }]) => sum + new TextEncoder().encode(data).length, 0);
    return { path, limits: this.world.quotas.get(path), count: within.length, bytes };
  }

  #run(command: TreeCommand | Restore): unknown {
    if (command.type === "restore") return this.#restore(command);
    if (command.type === "openSession") return this.#open(command);
    if (command.type === "closeSession") return this.#close(command);
    if (command.type === "sweep") return this.#sweep(command);
    this.#checkContext(command);
    if (command.type === "multi") return this.#multi(command);
    if (command.type === "import") return this.#import(command);
    if (command.type === "create") return this.#create(command, command.sessionId);
    if (command.type === "setData") return this.#set(command);
    if (command.type === "setAcl") return this.#setAcl(command);
    if (command.type === "increment" || command.type === "check")
      return this.#operation(command, command.sessionId);
    const { path } = command;
    if (path === "/") throw new Refused("reserved_path");
    if (command.type === "setQuota") return this.#setQuota(command);
    if (command.type === "deleteQuota") return this.#deleteQuota(command);
    this.#letAbove(path, "delete");
    this.#expect(path, command.version, command.ifMatch);
    if (command.type === "delete") return this.#delete(path);
    const doomed = [...this.world.znodes.keys()].filter(
      (other) => other === path || other.startsWith(`${path}/`),
    );
    for (const each of doomed) if (this.childrenOf(each).length > 0) this.#let(each, "delete");
    for (const each of doomed.sort(bySegments).reverse()) this.#remove(each);
    return { path, deleted: doomed.length };
  }

  /** The restore takes the last of the numbers that it passes over. */
  #restore({ id, zxidsAhead, sequencesAhead }: Restore): unknown {
    const { restored, znodes } = this.world;
    if (restored.id === id) return restored;
    const counters = [...znodes.values()].map(({ counter }) => counter);
    const sequenceFloor = Math.max(restored.sequenceFloor, ...counters) + sequencesAhead;
    this.world.zxid += zxidsAhead - 1;
    this.world.restored = { id, zxid: this.world.zxid, sequenceFloor };
    this.#changed = true;
    return this.world.restored;
  }

  #setAcl({ path, acl, aversion }: SetAcl): unknown {
    const znode = this.#existing(path);
    this.#let(path, "admin");
    if (aversion !== undefined && aversion !== -1 && aversion !== znode.aversion)
      throw new Refused("bad_version");
    znode.acl = aclText(acl);
    znode.aversion += 1;
    this.#changed = true;
    return { path, stat: this.statOf(path) };
  }

  #setQuota({ path, limits }: SetQuota): unknown {
    this.#existing(path);
    const created = !this.world.quotas.has(path);
    for (const other of this.world.quotas.keys()) {
      if (other !== path && (isWithin(other, path) || isWithin(path, other)))
        throw new Refused("quota_nested");
    }
    this.world.quotas.set(path, limits);
    this.#changed = true;
    return { quota: this.quotaOf(path), created };
  }

  #deleteQuota({ path }: DeleteQuota): unknown {
    if (!this.world.quotas.delete(path)) throw new Refused("no_node");
    this.#changed = true;
    return { path };
  }

  /** Looks at the whole subtree as it would be; `larger` says what the write adds to it. */
  #checkQuota(path: string, larger: { count: number; bytes: number }): void {
    for (const [over, { countHard, bytesHard }] of this.world.quotas) {
      if (!isWithin(path, over)) continue;
      const { count, bytes } = this.quotaOf(over) as { count: number; bytes: number };
      const tooMany = larger.count !== 0 && countHard !== undefined && count + larger.count > countHard;
      const tooLarge = larger.bytes !== 0 && bytesHard !== undefined && bytes + larger.bytes > bytesHard;
      if (tooMany || tooLarge) throw new Refused("quota_exceeded");
    }
  }

  #open(open: OpenSession): unknown {
    if (this.world.sessions.has(open.sessionId)) throw new Refused("bad_request");
    const { sessionId: id, tokenHash, timeoutMs, name, tokenNonce } = open;
    const times = { openedZxid: this.world.zxid, openedAtMs: this.#timeMs };
    const session = { id, tokenHash, timeoutMs, name, ...times };
    this.world.sessions.set(id, session);
    this.#changed = true;
    return tokenNonce === undefined ? { session } : { session, tokenNonce };
  }

  #close({ sessionId }: CloseSession): unknown {
    if (!this.world.sessions.has(sessionId)) throw new Refused("session_expired");
    const owned = [...this.world.znodes].filter(([, { owner }]) => owner === sessionId);
    const ephemerals = owned.sort(([, a], [, b]) => a.birth - b.birth).map(([path]) => path);
    for (const path of ephemerals) this.#remove(path);
    this.world.sessions.delete(sessionId);
    this.#changed = true;
    return { ephemerals };
  }

  #sweep({ path, czxid, neverUsedMsMax: most }: Sweep): unknown {
    const znode = this.world.znodes.get(path);
    let cause: string | null = null;
    if (znode !== undefined && znode.czxid === czxid && this.childrenOf(path).length === 0) {
      const isOlderThan = (ms: number) => this.#timeMs - znode.mtimeMs > ms;
      if (znode.ttlMs !== null && isOlderThan(znode.ttlMs)) cause = "ttl";
      if (znode.container && (znode.childrenMade > 0 || (most !== 0 && isOlderThan(most))))
        cause = "container";
    }
    if (cause !== null) this.#remove(path);
    return { path, cause };
  }

  #checkContext({ sessionId, fences }: WriteContext): void {
    if (sessionId !== undefined && !this.world.sessions.has(sessionId)) throw new Refused("session_expired");
    for (const { path, czxid } of fences ?? []) {
      if (this.world.znodes.has(path)) this.#let(path, "read");
      const { restored } = this.world;
      const isBefore = restored.id !== "" && czxid <= restored.zxid;
      if (isBefore || this.world.znodes.get(path)?.czxid !== czxid) throw new Refused("fence_stale");
    }
  }

  #multi({ operations, sessionId }: Multi): unknown {
    const results: unknown[] = [];
    for (const [index, operation] of operations.entries()) {
      try {
        results.push(this.#operation(operation, sessionId));
      } catch (error) {
        if (error instanceof Refused) error.failedOperation = index;
        throw error;
      }
    }
    return { results };
  }

  #operation(operation: Operation, sessionId: string | undefined): unknown {
    const { path } = operation;
    switch (operation.type) {
      case "create": {
        const made = this.#create(operation, sessionId);
        return { op: "create", path: made.path, stat: made.stat };
      }
      case "setData":
        return { op: "set", path, stat: this.#set(operation).stat };
      case "delete":
        if (path === "/") throw new Refused("reserved_path");
        this.#letAbove(path, "delete");
        this.#expect(path, operation.version, operation.ifMatch);
        return { op: "delete", ...this.#delete(path) };
      case "increment":
        return this.#increment(operation);
      case "check": {
        if (this.world.znodes.has(path)) this.#let(path, "read");
        if (operation.exists === false) {
          if (this.world.znodes.has(path)) throw new Refused("node_exists");
          return { op: "check", path };
        }
        this.#expect(path, operation.version);
        const { czxid } = this.#existing(path);
        if (operation.czxid !== undefined && operation.czxid !== czxid) throw new Refused("bad_version");
        return { op: "check", path, stat: this.statOf(path) };
      }
    }
  }

  #create({ path, data, mode, parents, acl }: Create, sessionId: string | undefined) {
    if (parents === true) this.#makeParents(parentOf(path));
    const parent = this.world.znodes.get(parentOf(path));
    if (parent === undefined) throw new Refused("no_node");
    this.#let(parentOf(path), "create");
    let number: number | null = null;
    let name = path;
    if (mode.kind !== "container" && mode.sequential) {
      for (number = Math.max(parent.counter, this.world.restored.sequenceFloor); ; number += 1) {
        name = path + `${number}`.padStart(10, "0");
        if (!this.world.znodes.has(name)) break;
      }
    }
    if (this.world.znodes.has(name)) throw new Refused("node_exists");
    if (parent.owner !== null) throw new Refused("ephemeral_parent");
    this.#checkQuota(name, { count: 1, bytes: data.byteLength });
    this.world.births += 1;
    const znode = newZnode(this.world.zxid, this.#timeMs, textOf(data), this.world.births);
    znode.sequence = number;
    if (acl !== undefined) znode.acl = aclText(acl);
    applyMode(znode, mode, sessionId);
    this.world.znodes.set(name, znode);
    parent.pzxid = this.world.zxid;
    parent.childrenMade += 1;
    parent.counter = number === null ? parent.counter + 1 : number + 1;
    this.#tell("created", name);
    return { path: name, stat: this.statOf(name), created: true };
  }

  #import({ znodes, onConflict }: ImportZnodes): unknown {
    const counts = { created: 0, replaced: 0, unchanged: 0, skipped: 0 };
    for (const [index, znode] of znodes.entries()) {
      try {
        counts[this.#importOne(znode, onConflict)] += 1;
      } catch (error) {
        if (error instanceof Refused) error.failedOperation = index;
        throw error;
      }
    }
    return counts;
  }

  #importOne({ path, data, mode, sequence, nextSequence, acl }: ImportedZnode, rule: ConflictRule) {
    const there = this.world.znodes.get(path);
    if (there === undefined) {
      this.#create(
        { type: "create", path, data, mode, parents: true, ...(acl !== undefined && { acl }) },
        undefined,
      );
      Object.assign(this.#existing(path), { sequence, counter: nextSequence });
      const parent = this.#existing(parentOf(path));
      if (sequence !== null) parent.counter = Math.max(parent.counter, sequence + 1);
      this.#events.splice(-1, 1);
      this.#tell("created", path);
      return "created";
    }
    if (rule === "skip") return "skipped";
    if (rule === "replace" || path === "/") {
      this.#let(path, "read");
      if (acl !== undefined) this.#let(path, "admin");
    }
    const hasData = there.data === textOf(data);
    const hasAcl = acl === undefined || there.acl === aclText(acl);
    if (hasData && hasAcl && (rule === "replace" || path === "/")) return "unchanged";
    const isInTheWay = path !== "/" || there.version > 0 || there.aversion > 0 || there.data !== "";
    if (rule === "fail" && isInTheWay) throw new Refused("node_exists");
    if (!hasData) this.#set({ type: "setData", path, data });
    if (!hasAcl) this.#setAcl({ type: "setAcl", path, acl });
    return "replaced";
  }

  #makeParents(path: string): void {
    if (this.world.znodes.has(path)) return;
    this.#makeParents(parentOf(path));
    this.#createPlain(path, new Uint8Array());
  }

  #createPlain(path: string, data: Uint8Array) {
    return this.#create(
      { type: "create", path, data, mode: { kind: "persistent", sequential: false } },
      undefined,
    );
  }

  #set({ path, data, version, ifMatch, create }: SetData) {
    const anyVersion = ifMatch === undefined && (version === undefined || version === -1);
    if (!this.world.znodes.has(path) && create !== undefined && anyVersion)
      return this.#createPlain(path, data);
    const znode = this.#existing(path);
    if (create === "only") {
      this.#letAbove(path, "create");
      throw new Refused("bad_version");
    }
    this.#let(path, "write");
    this.#checkGrowth(path, textOf(data));
    this.#expect(path, version, ifMatch);
    this.#write(path, znode, textOf(data));
    return { path, stat: this.statOf(path), created: false };
  }

  #checkGrowth(path: string, data: string): void {
    const lengthOf = (text: string) => new TextEncoder().encode(text).length;
    this.#checkQuota(path, { count: 0, bytes: lengthOf(data) - lengthOf(this.#existing(path).data) });
  }

  #write(path: string, znode: ModelZnode, data: string): void {
    Object.assign(znode, { data, mzxid: this.world.zxid, mtimeMs: this.#timeMs, version: znode.version + 1 });
    this.#tell("changed", path);
  }

  #increment({ path, by }: Increment): unknown {
    const znode = this.#existing(path);
    this.#let(path, "write");
    this.#let(path, "read");
    const text = znode.data === "" ? "0" : znode.data;
    if (!/^-?[0-9]{1,16}$/.test(text)) throw new Refused("bad_request");
    const sum = BigInt(text) + BigInt(by);
    const most = 2n ** 53n - 1n;
    for (const each of [BigInt(text), sum]) if (each > most || each < -most) throw new Refused("bad_request");
    this.#checkGrowth(path, `${sum}`);
    this.#write(path, znode, `${sum}`);
    return { op: "increment", path, stat: this.statOf(path), value: `${sum}` };
  }

  #delete(path: string): { path: string } {
    if (this.childrenOf(path).length > 0) throw new Refused("not_empty");
    this.#remove(path);
    return { path };
  }

  #remove(path: string): void {
    this.#tell("deleted", path);
    this.world.znodes.delete(path);
    this.world.quotas.delete(path);
    const parent = this.#existing(parentOf(path));
    parent.pzxid = this.world.zxid;
    parent.childrenGone += 1;
  }

  #expect(path: string, version: number | undefined, ifMatch?: readonly ZnodeTag[]): void {
    const znode = this.#existing(path);
    if (version !== undefined && version !== -1 && version !== znode.version)
      throw new Refused("bad_version");
    const isThis = (tag: ZnodeTag) => tag.czxid === znode.czxid && tag.version === znode.version;
    if (ifMatch !== undefined && !ifMatch.some(isThis)) throw new Refused("bad_version");
  }

  #let(path: string, permission: keyof typeof bits): void {
    if (this.skipsLists) return;
    const { digests = [], address = null } = this.#shown ?? {};
    const acl = JSON.parse(this.#existing(path).acl) as Acl;
    const isFor = ({ scheme, id }: Acl[number]) => {
      if (scheme === "world") return true;
      if (scheme === "digest") return digests.includes(id);
      return address !== null && `${address.split(".")[0]}.0.0.0/8` === id;
    };
    if (!acl.some((entry) => (entry.perms & bits[permission]) > 0 && isFor(entry)))
      throw new Refused("forbidden");
  }

  #letAbove(path: string, permission: keyof typeof bits): void {
    if (path !== "/" && this.world.znodes.has(parentOf(path))) this.#let(parentOf(path), permission);
  }

  #existing(path: string): ModelZnode {
    const znode = this.world.znodes.get(path);
    if (znode === undefined) throw new Refused("no_node");
    return znode;
  }

  #tell(type: ModelEvent["type"], path: string): void {
    this.#changed = true;
    this.#events.push({ type, path, data: this.#existing(path).data, stat: this.statOf(path) });
  }
}

const bits = { read: 1, write: 2, create: 4, delete: 8, admin: 16 };

function aclText(acl: Acl): string {
  return JSON.stringify(acl.map(({ perms, scheme, id }) => ({ perms, scheme, id })));
}

const openAclText = '[{"perms":31,"scheme":"world","id":"anyone"}]';

function lengthOf({ key, request, outcome }: ModelReply): number {
  return key.length + request.length + JSON.stringify(outcome).length;
}

function newZnode(zxid: number, timeMs: number, data: string, birth: number): ModelZnode {
  return {
    ...{ data, birth, czxid: zxid, mzxid: zxid, pzxid: zxid, ctimeMs: timeMs, mtimeMs: timeMs, version: 0 },
    ...{
      aversion: 0,
      acl: openAclText,
      childrenMade: 0,
      childrenGone: 0,
      counter: 0,
      owner: null,
      sequence: null,
      ttlMs: null,
      container: false,
    },
  };
}

function applyMode(znode: ModelZnode, mode: CreateMode, sessionId: string | undefined): void {
  if (mode.kind === "ephemeral") znode.owner = sessionId ?? null;
  if (mode.kind === "container") znode.container = true;
  if (mode.kind === "persistent") znode.ttlMs = mode.ttlMs ?? null;
}

function refusedAnswer(error: Refused, command: TreeCommand | Restore): ModelAnswer {
  if (command.type === "import" && error.failedOperation !== null)
    return { refused: error.code, failedOperation: error.failedOperation, fates: [], events: [] };
  if (error.failedOperation === null || command.type !== "multi") return { refused: error.code, events: [] };
  const at = error.failedOperation;
  const fates = command.operations.map((_, index) => {
    if (index === at) return error.code;
    return index < at ? "rolled_back" : "not_evaluated";
  });
  return { refused: error.code, failedOperation: at, fates, events: [] };
}

/** What is refused without a look at the tree; limits of size are not reached here. */
function refuseMalformed(command: TreeCommand | Restore): void {
  if (command.type === "openSession" || command.type === "closeSession") return;
  if (command.type === "sweep" || command.type === "restore") return;
  if (command.type !== "multi" && command.type !== "import") {
    refuseMalformedOperation(command, command.sessionId);
    return;
  }
  const operations =
    command.type === "multi"
      ? command.operations
      : command.znodes.map((znode) => ({ type: "create" as const, ...znode }));
  for (const [index, operation] of operations.entries()) {
    try {
      refuseMalformedOperation(operation, command.sessionId);
    } catch (error) {
      if (error instanceof Refused) error.failedOperation = index;
      throw error;
    }
  }
}

function refuseMalformedOperation(
  operation: SingleWrite | QuotaWrite | SetAcl | Operation,
  sessionId?: string,
) {
  const mode = operation.type === "create" ? operation.mode : undefined;
  const limits = operation.type === "setQuota" ? operation.limits : undefined;
  const numbered = mode !== undefined && mode.kind !== "container" && mode.sequential;
  if (!isPath(numbered ? `${operation.path}0` : operation.path)) throw new Refused("bad_path");
  if (limits !== undefined && Object.keys(limits).length === 0) throw new Refused("bad_request");
  if (mode?.kind === "persistent" && mode.ttlMs === 0) throw new Refused("bad_ttl");
  if (mode?.kind === "ephemeral" && sessionId === undefined) throw new Refused("session_required");
  const acl = operation.type === "create" || operation.type === "setAcl" ? operation.acl : undefined;
  if (acl?.length === 0 || acl?.some(({ scheme, id }) => scheme === "world" && id !== "anyone"))
    throw new Refused("bad_acl");
  if (operation.type === "check" && operation.exists === false) {
    if (operation.version !== undefined || operation.czxid !== undefined) throw new Refused("bad_request");
  }
}

function isPath(path: string): boolean {
  if (path === "/") return true;
  const [first, ...segments] = path.split("/");
  return first === "" && segments.length > 0 && segments.every(isSegment);
}

function isSegment(segment: string): boolean {
  if (segment === "" || segment === "." || segment === "..") return false;
  return Array.from({ length: segment.length }, (_, index) => segment.charCodeAt(index)).every(isAllowed);
}

function isAllowed(code: number): boolean {
  const bad =
    code <= 0x1f || (code >= 0x7f && code <= 0x9f) || (code >= 0xd800 && code <= 0xf8ff) || code >= 0xfff0;
  return !bad;
}

function isWithin(path: string, root: string): boolean {
  return path === root || path.startsWith(`${root}/`);
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/")) || "/";
}

function bySegments(a: string, b: string): number {
  const [left, right] = [a.split("/"), b.split("/")];
  for (let index = 0; index < Math.min(left.length, right.length); index += 1) {
    const [one, other] = [left[index] as string, right[index] as string];
    if (one !== other) return one < other ? -1 : 1;
  }
  return left.length - right.length;
}

function textOf(data: Uint8Array): string {
  return new TextDecoder().decode(data);
}
