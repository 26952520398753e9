// The first token becomes one at a start, before anybody is heard. What is half done when a start is interrupted, the next
// start does again: it comes to the same.

import type { ReadonlyAccess } from "../core/access/access.ts";
import type { AccessCommand } from "../core/access/access-command.ts";
import { adminPolicy } from "../core/access/policy.ts";
import { rootPath } from "../core/tree/path.ts";
import { type FirstToken, FirstTokenError, readFirstToken, removeFirstToken } from "./first-token.ts";

/** Where commands are done and durable when they have been submitted. */
interface Keeper {
  readonly access: ReadonlyAccess;
  submit(command: AccessCommand): Promise<unknown>;
}

export interface TakenOver {
  readonly name: string;
  /** Whether there was such a token, which has another secret from here on. */
  readonly isRescue: boolean;
}

/**
 * Turns access control on and makes the token, where there is one to be taken over.
 * @throws FirstTokenError, KeeperError and whatever the system says: then nobody must be let in
 */
export async function takeOverFirstToken(dataDir: string, keeper: Keeper): Promise<TakenOver | null> {
  const first = readFirstToken(dataDir);
  if (first === null) return null;
  const isRescue = keeper.access.token(first.name) !== undefined;
  await keeper.submit({ type: "turnOnAccess", principal });
  if (isRescue) await rescue(first, keeper);
  else await make(first, keeper);
  removeFirstToken(dataDir);
  return { name: first.name, isRescue };
}

const principal = "system";
const policies = [adminPolicy.name];

async function make({ name, hash }: FirstToken, keeper: Keeper): Promise<void> {
  const token = { name, policies, root: rootPath, validUntilMs: null };
  await keeper.submit({ type: "createToken", token, hash, principal });
}

/** The old secret goes first: whoever has found it must not become an admin by this. */
async function rescue(first: FirstToken, keeper: Keeper): Promise<void> {
  const { name, hash } = first;
  assertMayBeAdmins(first, keeper);
  await keeper.submit({ type: "rotateToken", name, hash, overlapMs: 0, principal });
  await keeper.submit({ type: "changeToken", name, policies, validUntilMs: null, principal });
}

/** What a token is for is not changed by the way: somebody counts on it. */
function assertMayBeAdmins({ name }: FirstToken, { access }: Keeper): void {
  const { root = rootPath, identity } = access.token(name) ?? {};
  if (root === rootPath && identity === undefined) return;
  const fault = root === rootPath ? `is for ${identity}` : `is confined to ${root}`;
  throw new FirstTokenError(
    `The token ${name} ${fault} and cannot be an admin's: delete first-token.json, and run \`treekeeper token init\` ` +
      "with another --name.",
  );
}
