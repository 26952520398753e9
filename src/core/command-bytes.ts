// About what a command takes in an entry of the log: good enough to bound memory by.

import type { Principal } from "./access/principal.ts";
import { type Acl, type Shown, textOfAcl } from "./acl/acl.ts";
import type { Fence, WriteContext, ZnodeTag } from "./write-context.ts";

/** A command besides what it carries. */
export const commandBytes = 64;
const idempotencyBytes = 256;
const conditionBytes = 32;

/** A command about a path, or a part of one. */
export interface Addressed {
  readonly path: string;
  readonly data?: Uint8Array;
  readonly ifMatch?: readonly ZnodeTag[];
  readonly acl?: Acl;
}

/** One that is about a path. */
export function pathBytes({ path, data, ifMatch, acl }: Addressed): number {
  const conditions = (ifMatch?.length ?? 0) * conditionBytes;
  return commandBytes + path.length + (data?.byteLength ?? 0) + conditions + aclBytes(acl);
}

function aclBytes(acl: Acl | undefined): number {
  return acl === undefined ? 0 : textOfAcl(acl).length;
}

/** Many in one. */
export function partsBytes(parts: readonly Addressed[]): number {
  return parts.reduce((sum, part) => sum + pathBytes(part), commandBytes);
}

interface Named {
  readonly name: string;
  readonly id?: string;
}

/** One that is about something with a name. @param data what is said of it */
export function namedBytes({ name, id }: Named, data?: Uint8Array): number {
  return 2 * commandBytes + name.length + (id?.length ?? 0) + (data?.byteLength ?? 0);
}

type Carried = {
  readonly [Member in "fences" | "idempotency" | "principal" | "traceparent" | "shown"]:
    | WriteContext[Member]
    | undefined;
};

/** What it carries besides. */
export function contextBytes(carried: Carried): number {
  const { fences = noFences, idempotency, principal, traceparent, shown } = carried;
  const fenceBytes = fences.reduce((sum, { path }) => sum + conditionBytes + path.length, 0);
  const keyBytes = idempotency === undefined ? 0 : idempotencyBytes;
  const traceBytes = traceparent?.length ?? 0;
  return fenceBytes + keyBytes + traceBytes + principalBytes(principal) + shownBytes(shown);
}

const noFences: readonly Fence[] = [];

function shownBytes(shown: Partial<Shown> | undefined): number {
  if (shown === undefined) return 0;
  const digests = shown.digests ?? [];
  return digests.reduce((sum, digest) => sum + digest.length, conditionBytes);
}

function principalBytes(principal: Principal | undefined): number {
  if (principal === undefined || principal === "system") return 0;
  if ("token" in principal) return conditionBytes + principal.token.length;
  const { identity, policies, root } = principal;
  return policies.reduce(
    (sum, name) => sum + name.length + 1,
    conditionBytes + identity.length + root.length,
  );
}
