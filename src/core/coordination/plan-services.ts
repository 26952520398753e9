// Decides on instances of services. An instance is an ephemeral znode of its session: nothing is done here that a
// client could not do to the tree by itself, only all of it at once.

import type { Draft } from "../draft.ts";
import { KeeperError } from "../errors.ts";
import { planCreate, planDelete, planSetData } from "../plan-znodes.ts";
import type { Znode } from "../tree/znode.ts";
import {
  formatInstance,
  type Instance,
  instanceIn,
  instancePath,
  mergedText,
  parseInstance,
} from "./instances.ts";
import type { Released } from "./released.ts";
import type {
  ChangeInstance,
  DeregisterInstance,
  RegisterInstance,
  WrittenInstance,
} from "./service-command.ts";
import { instanceTooLarge, notAnInstance } from "./service-syntax.ts";

/**
 * What takes another's place is another instance, with a fence of its own: the one before is deleted in the same
 * transaction, so that nobody sees the id free. Where nobody has the id any more, nobody needs to be replaced.
 */
export function planRegister(draft: Draft, command: RegisterInstance): WrittenInstance {
  const { name, id, data, sessionId } = command;
  const path = instancePath(name, id);
  const instance = parseInstance(data) as Instance;
  const before = draft.get(path);
  if (before !== undefined) {
    if (!isReplaced(before, command)) {
      checkOwner(draft, before, sessionId);
      return write(draft, before, instance);
    }
    planDelete(draft, { type: "delete", path });
  }
  const mode = { kind: "ephemeral", sequential: false } as const;
  const { stat } = planCreate(draft, { type: "create", path, data, mode, parents: true }, sessionId);
  return {
    ...{ path, fence: stat.czxid, created: true, instance },
    ...(before !== undefined && { replaced: before.ephemeralOwner }),
  };
}

/** One's own is never replaced: sent again, it is the same. */
function isReplaced({ ephemeralOwner, czxid }: Znode, { sessionId, replace }: RegisterInstance): boolean {
  return ephemeralOwner !== sessionId && (replace === "any" || replace === czxid);
}

export function planChange(draft: Draft, command: ChangeInstance): WrittenInstance {
  const { name, id, changes, bytesMax, sessionId } = command;
  const path = instancePath(name, id);
  const znode = draft.get(path);
  const instance = znode === undefined ? null : parseInstance(znode.data);
  if (znode === undefined || instance === null) throw noInstance(path);
  checkOwner(draft, znode, sessionId);
  const merged = instanceIn(mergedText(instance, JSON.parse(new TextDecoder().decode(changes))));
  if (merged === null) throw notAnInstance();
  const size = formatInstance(merged).byteLength;
  if (size > bytesMax) throw instanceTooLarge(size, bytesMax);
  return write(draft, znode, merged);
}

/** What is there already is not written again: nobody would be told anything new. */
function write(draft: Draft, { path, czxid, data: before }: Znode, instance: Instance): WrittenInstance {
  const data = formatInstance(instance);
  const isSame = data.byteLength === before.byteLength && data.every((byte, index) => byte === before[index]);
  if (!isSame) planSetData(draft, { type: "setData", path, data });
  return { path, fence: czxid, created: false, instance };
}

/** Gone is gone: ids are the clients' own, so nobody can say what never was. */
export function planDeregister(draft: Draft, { name, id, force, sessionId }: DeregisterInstance): Released {
  const path = instancePath(name, id);
  const znode = draft.get(path);
  if (znode === undefined) return {};
  if (force !== true) checkOwner(draft, znode, sessionId);
  planDelete(draft, { type: "delete", path });
  return { owner: znode.ephemeralOwner };
}

/** Whose it is, is told to those who may read it. */
function checkOwner(draft: Draft, znode: Znode, sessionId: string | undefined): void {
  const { path, ephemeralOwner: owner, czxid } = znode;
  if (owner !== null && owner === sessionId) return;
  if (!draft.mayRead(path)) {
    const message = `The instance ${path} is another's; it is not yours, and nothing was done.`;
    throw new KeeperError("not_holder", message, { path });
  }
  const whose = owner === null ? "no session" : `session ${owner}`;
  throw new KeeperError(
    "not_holder",
    `The instance ${path} is that of ${whose} and has the fence ${czxid}; it is not yours, and nothing was done.`,
    { path },
  );
}

export function noInstance(path: string): KeeperError {
  return new KeeperError(
    "no_instance",
    `There is no instance at ${path}: it was removed, or its session has ended.`,
    { path },
  );
}
