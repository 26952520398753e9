// Whether the services under test ask everybody who they are: not unless SECRET_OF_ADMIN is a secret. Then the same tests
// run with access control on, for an admin (test/access/vitest.config.ts): each service knows a token with that secret from
// the first, and what a test asks without saying who it is, the admin asks.

import { hashSecret } from "../../src/access/secrets.ts";
import { Access, type AccessRecord } from "../../src/core/access/access.ts";
import { adminPolicy } from "../../src/core/access/policy.ts";
import type { TokenPrincipal } from "../../src/core/access/principal.ts";
import type { Command } from "../../src/core/command.ts";
import { type ReadContext, systemContext } from "../../src/core/reader.ts";
import { State } from "../../src/core/state.ts";
import { rootPath } from "../../src/core/tree/path.ts";
import type { Store } from "../../src/store/store.ts";
import { nameOfAdmin, secretOfAdmin, secretOfOther } from "./secret-of-admin.ts";

const admin = { token: nameOfAdmin, made: 0 } satisfies TokenPrincipal;

function tokenOf(name: string, secret: string) {
  const secrets = [{ hash: hashSecret(secret), validUntilMs: null }];
  const may = { policies: [adminPolicy.name], root: rootPath, validUntilMs: null };
  return { kind: "token", name, secrets, ...may, madeZxid: admin.made, madeAtMs: 0 } as const;
}

const records: readonly AccessRecord[] =
  secretOfAdmin === undefined
    ? []
    : [{ kind: "mode", name: "on" }, tokenOf(admin.token, secretOfAdmin), tokenOf("other", secretOfOther)];

/** As a service begins whose operator has made the first token: no transaction has been done yet. */
export function freshState(): State {
  const state = State.fresh();
  for (const record of records) state.access.put(record);
  return state;
}

/** Whoever a test watches as, unless it says so. */
export function contextOfTests(): ReadContext {
  return contextOfAdmin() ?? systemContext;
}

/** Undefined where access control is off. */
export function contextOfAdmin() {
  if (secretOfAdmin === undefined) return undefined;
  const access = new Access();
  for (const record of records) access.put(record);
  return { principal: admin, permits: access.permitsOf(admin, 0) };
}

/** As a test sees the store: commands that say nothing of who asks are the admin's. A server gets the store itself. */
export function askedByAdmin(store: Store): Store {
  if (secretOfAdmin === undefined) return store;
  const asked = <C extends Command>(command: C): C => ({ principal: admin, ...command });
  const ways = {
    submit: (command: Command) => store.submit(asked(command)),
    submitAll: (commands: readonly Command[]) => store.submitAll(commands.map(asked)),
  };
  return new Proxy(store, {
    get(target, name) {
      if (Object.hasOwn(ways, name)) return ways[name as keyof typeof ways];
      const member: unknown = Reflect.get(target, name, target);
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
}
