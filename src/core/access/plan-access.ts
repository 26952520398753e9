// Decides on policies and tokens.

import type { Draft } from "../draft.ts";
import { KeeperError } from "../errors.ts";
import { makeParents } from "../plan-znodes.ts";
import { rootPath } from "../tree/path.ts";
import type { AccessRecord, ReadonlyAccess } from "./access.ts";
import type {
  AccessOutcomes,
  ChangeToken,
  CreateToken,
  DeletePolicy,
  RevokeToken,
  RotateToken,
  SetPolicy,
} from "./access-command.ts";
import { partsOf } from "./namespaces.ts";
import { accessBounds, adminPolicy } from "./policy.ts";
import type { Token } from "./token.ts";

/** Two secrets are good beside each other for a month at most. */
export const overlapMsMax = 30 * 24 * 3_600_000;

/** Told again it changes nothing. */
export function planTurnOn(draft: Draft): AccessOutcomes["turnOnAccess"] {
  if (!draft.access.isOn) put(draft, { kind: "mode", name: "on" });
  return { isOn: true };
}

export function planSetPolicy(draft: Draft, { policy }: SetPolicy): AccessOutcomes["setPolicy"] {
  assertIsOn(draft);
  const { access } = draft;
  const created = access.policy(policy.name) === undefined;
  const { policiesMax } = accessBounds;
  if (created && access.policyCount >= policiesMax) throw tooMany("policies", "policiesMax", policiesMax);
  put(draft, { kind: "policy", ...policy });
  return { policy, created };
}

export function planDeletePolicy(draft: Draft, { name }: DeletePolicy): AccessOutcomes["deletePolicy"] {
  assertIsOn(draft);
  if (name === adminPolicy.name)
    throw new KeeperError("reserved_path", "The policy admin cannot be deleted.");
  const record = draft.access.record({ kind: "policy", name });
  if (record === undefined) throw noPolicy(name);
  for (const token of draft.access.tokens()) {
    if (!token.policies.includes(name)) continue;
    throw new KeeperError(
      "policy_in_use",
      `The token ${token.name} has the policy ${name}; give it others first, or revoke it.`,
    );
  }
  draft.changes.push({ type: "accessRemoved", record });
  return { name };
}

/** Where the token is confined, its root is made, so that there is something to be in. */
export function planCreateToken(draft: Draft, command: CreateToken): AccessOutcomes["createToken"] {
  const { token: request, hash } = command;
  assertIsOn(draft);
  const { access } = draft;
  if (access.token(request.name) !== undefined) throw tokenExists(request.name);
  const { tokensMax } = accessBounds;
  if (access.tokenCount >= tokensMax) throw tooMany("tokens", "tokensMax", tokensMax);
  assertArePolicies(access, request.policies);
  if (request.identity !== undefined) assertIsNew(access, request.identity);
  const { root } = request;
  if (root !== rootPath) {
    if (!access.namespaces.has(root)) beginNamespace(draft, root);
    makeParents(draft, root);
  }
  const made = { madeZxid: draft.zxid, madeAtMs: draft.timeMs };
  const secrets = hash === undefined ? [] : [{ hash, validUntilMs: null }];
  return { token: putToken(draft, { ...request, ...made, secrets }) };
}

/** What recipes keep is theirs from its beginning: nothing that is there already becomes a queue, or is kept twice. */
function beginNamespace(draft: Draft, root: string): void {
  const { namespaces } = draft.access;
  if (namespaces.keeps(root)) {
    throw new KeeperError(
      "reserved_path",
      `${root} is kept by recipes, and nobody's root; choose another one.`,
      { path: root },
    );
  }
  for (const part of partsOf(root)) {
    const isInWay = draft.get(part) !== undefined || namespaces.hasFrom(part);
    if (isInWay) throw namespaceTaken(root, part);
  }
  put(draft, { kind: "namespace", name: root });
}

function namespaceTaken(root: string, path: string): KeeperError {
  return new KeeperError(
    "node_exists",
    `${root} cannot become a root: there is something at ${path} or below it, which its recipes would keep. Delete that first, or choose another root.`,
    { path },
  );
}

/** There are two secrets at most: one that was still in its overlap ends now. */
export function planRotateToken(
  draft: Draft,
  { name, hash, overlapMs }: RotateToken,
): AccessOutcomes["rotateToken"] {
  const token = tokenNamed(draft, name);
  const endsMs = draft.timeMs + overlapMs;
  const newest = token.secrets.at(-1);
  if (newest === undefined)
    throw new KeeperError("bad_request", `The token ${name} has no secret of its own.`);
  const kept = overlapMs === 0 ? [] : [{ ...newest, validUntilMs: endsMs }];
  return { token: putToken(draft, { ...token, secrets: [...kept, { hash, validUntilMs: null }] }) };
}

export function planChangeToken(draft: Draft, change: ChangeToken): AccessOutcomes["changeToken"] {
  const token = tokenNamed(draft, change.name);
  const { policies = token.policies, validUntilMs = token.validUntilMs } = change;
  assertArePolicies(draft.access, policies);
  return { token: putToken(draft, { ...token, policies, validUntilMs }) };
}

export function planRevokeToken(draft: Draft, { name }: RevokeToken): AccessOutcomes["revokeToken"] {
  const token = tokenNamed(draft, name);
  draft.changes.push({ type: "accessRemoved", record: { kind: "token", ...token } });
  return { name };
}

function tokenNamed(draft: Draft, name: string): Token {
  assertIsOn(draft);
  const token = draft.access.token(name);
  if (token === undefined) throw noToken(name);
  return token;
}

/** Whoever may do everything while it is off must not leave a token behind for when it is on. */
function assertIsOn({ access }: Draft): void {
  if (access.isOn) return;
  throw new KeeperError(
    "forbidden",
    "Access control is off, so there are no tokens and policies. It begins with `treekeeper token init` and a restart.",
  );
}

function assertArePolicies(access: ReadonlyAccess, names: readonly string[]): void {
  const missing = names.find((name) => access.policy(name) === undefined);
  if (missing !== undefined) throw noPolicy(missing);
}

function assertIsNew(access: ReadonlyAccess, identity: string): void {
  const other = access.tokenFor(identity);
  if (other === undefined) return;
  throw new KeeperError(
    "token_exists",
    `The token ${other.name} is for ${identity} already; change that one.`,
  );
}

function putToken(draft: Draft, token: Token): Token {
  put(draft, { kind: "token", ...token });
  return token;
}

function put(draft: Draft, record: AccessRecord): void {
  draft.changes.push({ type: "accessSet", record, before: draft.access.record(record) ?? null });
}

export function noToken(name: string): KeeperError {
  return new KeeperError("no_token", `There is no token ${name}.`);
}

export function noPolicy(name: string): KeeperError {
  return new KeeperError("no_policy", `There is no policy ${name}; make it first.`);
}

function tokenExists(name: string): KeeperError {
  return new KeeperError("token_exists", `There is a token ${name} already: rotate it, or revoke it first.`);
}

function tooMany(what: string, limit: string, limitValue: number): KeeperError {
  const message = `There are ${limitValue} ${what}, and there may be no more; delete some that nobody uses.`;
  return new KeeperError("too_large", message, { limit, limitValue });
}
