// Who is known and what they may do: policies, tokens and namespaces, as records of the state like its znodes. What is
// asked for again and again is kept ready, and forgotten whenever a record changes.

import { rootPath } from "../tree/path.ts";
import { Namespaces } from "./namespaces.ts";
import { type Grant, type Permits, type Permitted, permitsOf, unauthenticated } from "./permits.ts";
import { adminPolicy, type Policy } from "./policy.ts";
import { ownerOf, type Principal, principalId, tokenId } from "./principal.ts";
import { FoundRights, Rights } from "./rights.ts";
import { isValidAt, type Secret, type Token } from "./token.ts";

/** One row: each kind has names of its own. */
export type AccessRecord =
  | ({ readonly kind: "policy" } & Policy)
  | ({ readonly kind: "token" } & Token)
  /** Access control is on, and stays on. */
  | { readonly kind: "mode"; readonly name: "on" }
  /** A root that tokens are, or were, confined to; its name is its path. */
  | { readonly kind: "namespace"; readonly name: string };

export function accessKey({ kind, name }: Pick<AccessRecord, "kind" | "name">): string {
  return `${kind} ${name}`;
}

/** All that a record says, in one spelling. */
export function accessText(record: AccessRecord): string {
  return JSON.stringify(record, withSortedMembers);
}

function withSortedMembers(_name: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** A token and the secret it was shown by. */
export interface Shown {
  readonly token: Token;
  readonly secret: Secret;
}

/** What a principal may do, as of a generation. */
interface Known {
  readonly principal: object;
  readonly generation: number;
  readonly permits: Permits;
}

type Asker = Pick<Token, "policies" | "root" | "validUntilMs"> & Pick<Permitted, "by" | "owner">;

/** The same for those who look. */
export type ReadonlyAccess = Omit<Access, "put" | "remove" | "namespaces"> & {
  readonly namespaces: ReadonlyNamespaces;
};

type ReadonlyNamespaces = Omit<Namespaces, "add" | "remove">;

/** In no name, no identity and no path. */
const separator = "\n";

/** Principals, and combinations of policies, that are kept ready: more than anybody uses at a time. */
const readyMax = 10_000;

export class Access {
  readonly namespaces = new Namespaces();
  readonly #records = new Map<string, AccessRecord>();
  readonly #policies = new Map<string, Policy>([[adminPolicy.name, adminPolicy]]);
  readonly #tokens = new Map<string, Token>();
  readonly #byHash = new Map<string, Shown>();
  readonly #byIdentity = new Map<string, Token>();
  readonly #ready = new Map<string, Permits>();
  /** What combinations of policies give to all who have them, by their names as they were listed. */
  readonly #grants = new Map<string, Grant>();
  readonly #found = new FoundRights(this.namespaces);
  #textLength = 0;
  #isOn = false;
  /** Those of the very record of a principal, which one caller's requests share. */
  readonly #known = new WeakMap<object, Known>();
  /** The last of these: many commands in a row are of one caller. */
  #last: Known | null = null;
  #generation = 0;

  /** Once it is on, nobody may do anything who has not shown who they are. */
  get isOn(): boolean {
    return this.#isOn;
  }

  /** Moves whenever anything here does. */
  get generation(): number {
    return this.#generation;
  }

  policy(name: string): Policy | undefined {
    return this.#policies.get(name);
  }

  /** In no order that may matter; that of admins, which is no record, among them. */
  policies(): Iterable<Policy> {
    return this.#policies.values();
  }

  get policyCount(): number {
    return this.#policies.size;
  }

  token(name: string): Token | undefined {
    return this.#tokens.get(name);
  }

  tokens(): Iterable<Token> {
    return this.#tokens.values();
  }

  get tokenCount(): number {
    return this.#tokens.size;
  }

  /** The token with this secret, whether or not it still counts. @param hash SHA-256, hex */
  shownBy(hash: string): Shown | undefined {
    return this.#byHash.get(hash);
  }

  /** The token of somebody whom others vouch for. */
  tokenFor(identity: string): Token | undefined {
    return this.#byIdentity.get(identity);
  }

  /** What is `/` to the principal, whether or not it still counts. */
  rootOf(principal: Principal | undefined): string {
    if (principal === undefined || principal === "system") return rootPath;
    const last = this.#last;
    if (last !== null && last.principal === principal && last.generation === this.#generation)
      return last.permits.root;
    return "token" in principal ? (this.#tokens.get(principal.token)?.root ?? rootPath) : principal.root;
  }

  get recordCount(): number {
    return this.#records.size;
  }

  /** Characters of all records. */
  get textLength(): number {
    return this.#textLength;
  }

  records(): Iterable<AccessRecord> {
    return this.#records.values();
  }

  /**
   * @throws KeeperError `unauthenticated` when the principal is none any more
   */
  permitsOf(principal: Exclude<Principal, "system">, timeMs: number): Permits {
    const last = this.#last;
    const known = last !== null && last.principal === principal ? last : this.#known.get(principal);
    if (known?.generation === this.#generation && isValidAt(known.permits.validUntilMs, timeMs)) {
      this.#last = known;
      return known.permits;
    }
    const permits = this.#permitsNow(principal, timeMs);
    this.#last = { principal, generation: this.#generation, permits };
    this.#known.set(principal, this.#last);
    return permits;
  }

  #permitsNow(principal: Exclude<Principal, "system">, timeMs: number): Permits {
    if (!isValidAt(principal.validUntilMs, timeMs)) throw unauthenticated();
    if (!("token" in principal)) {
      const { policies, root, validUntilMs = null } = principal;
      const by = principalId(principal);
      return this.#permits({ by, owner: by, policies, root, validUntilMs });
    }
    const token = this.#tokens.get(principal.token);
    if (token === undefined || token.madeZxid !== principal.made) throw unauthenticated();
    if (!isValidAt(token.validUntilMs, timeMs)) throw unauthenticated();
    const { policies, root, validUntilMs } = token;
    return this.#permits({
      by: tokenId(token.name),
      owner: ownerOf(token),
      policies,
      root,
      validUntilMs: earlierOf(validUntilMs, principal.validUntilMs),
    });
  }

  #permits(asked: Asker): Permits {
    const { by, owner, root, validUntilMs, policies } = asked;
    const granted = policies.join(separator);
    const key = [owner, validUntilMs, root, granted].join(separator);
    const ready = this.#ready.get(key);
    if (ready !== undefined) return ready;
    if (this.#ready.size >= readyMax) this.#forgetReady();
    const grant = this.#grants.get(granted) ?? this.#grantOf(policies);
    this.#grants.set(granted, grant);
    const permits = permitsOf({ by, owner, root, validUntilMs, ...grant, namespaces: this.namespaces });
    this.#ready.set(key, permits);
    return permits;
  }

  #grantOf(asked: readonly string[]): Grant {
    const names = [...new Set(asked)].sort();
    const policies = names.map((name) => this.#policies.get(name)).filter((policy) => policy !== undefined);
    return {
      names: names.join(separator),
      policies,
      rights: madeOnce(() => new Rights(policies, this.#found)),
    };
  }

  #forgetReady(): void {
    this.#ready.clear();
    this.#grants.clear();
    this.#found.clear();
  }

  /** The record as the state has it; undefined where it has none. */
  record(of: Pick<AccessRecord, "kind" | "name">): AccessRecord | undefined {
    return this.#records.get(accessKey(of));
  }

  put(record: AccessRecord): void {
    this.remove(record);
    this.#records.set(accessKey(record), record);
    this.#textLength += JSON.stringify(record).length;
    switch (record.kind) {
      case "policy":
        this.#policies.set(record.name, record);
        break;
      case "token":
        this.#tokens.set(record.name, record);
        if (record.identity !== undefined) this.#byIdentity.set(record.identity, record);
        for (const secret of record.secrets) this.#byHash.set(secret.hash, { token: record, secret });
        break;
      case "mode":
        this.#isOn = true;
        break;
      case "namespace":
        this.namespaces.add(record.name);
        break;
    }
  }

  /** Nothing happens where there is none. */
  remove({ kind, name }: Pick<AccessRecord, "kind" | "name">): void {
    this.#generation += 1;
    this.#forgetReady();
    const before = this.#records.get(accessKey({ kind, name } as AccessRecord));
    if (before === undefined) return;
    this.#records.delete(accessKey(before));
    this.#textLength -= JSON.stringify(before).length;
    switch (before.kind) {
      case "policy":
        this.#policies.delete(before.name);
        break;
      case "token":
        this.#tokens.delete(before.name);
        if (before.identity !== undefined) this.#byIdentity.delete(before.identity);
        for (const { hash } of before.secrets) this.#byHash.delete(hash);
        break;
      case "mode":
        this.#isOn = false;
        break;
      case "namespace":
        this.namespaces.remove(before.name);
        break;
    }
  }
}

/** What was shown may end after the token itself, and before it. */
function earlierOf(endMs: number | null, shownEndMs: number | undefined): number | null {
  if (endMs === null || shownEndMs === undefined) return shownEndMs ?? endMs;
  return Math.min(endMs, shownEndMs);
}

/** Most who are looked up at a change do nothing before the next: what is not used is not made. */
function madeOnce(make: () => Rights): () => Rights {
  let rights: Rights | undefined;
  return () => {
    rights ??= make();
    return rights;
  };
}
