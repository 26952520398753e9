// The writes that may stand in a transaction: one row for each, which says how it is held against the bounds, what it
// does as one of many, and what it adds to memory. By itself each is a command as well (`znode-commands.ts`).

import type { Ask } from "./access/ask.ts";
import type { Operation, SetData } from "./command.ts";
import { validateCheck, validateCreate, validatePathOf, validateSetData } from "./command-syntax.ts";
import type { Draft } from "./draft.ts";
import type { Limits } from "./limits.ts";
import { growthOfCreate, growthOfSet, type Measured } from "./memory.ts";
import { planCheck, planCreate, planDelete, planIncrement, planSetData } from "./plan-znodes.ts";
import type { OperationResult } from "./txn.ts";

type SessionId = string | undefined;

interface OperationRow<O extends Operation> {
  /** @throws KeeperError when it is malformed, whatever the tree looks like */
  validate(operation: O, limits: Limits, sessionId: SessionId): void;
  /** Asks for the rights it takes. @throws KeeperError `forbidden` */
  authorise(ask: Ask, operation: O): void;
  /** @throws KeeperError when it is refused */
  decide(draft: Draft, operation: O, sessionId: SessionId): OperationResult;
  growth(operation: O, tree: Measured): number;
}

type OperationTable = {
  readonly [Type in Operation["type"]]: OperationRow<Extract<Operation, { readonly type: Type }>>;
};

export const operationTable: OperationTable = {
  create: {
    validate: validateCreate,
    authorise: (ask, { path }) => ask.require(path, "create"),
    decide: (draft, create, sessionId) => {
      const { path, stat } = planCreate(draft, create, sessionId);
      return { op: "create", path, stat };
    },
    growth: growthOfCreate,
  },
  setData: {
    validate: validateSetData,
    authorise: authoriseSet,
    decide: (draft, set) => {
      const { path, stat } = planSetData(draft, set);
      return { op: "set", path, stat };
    },
    growth: growthOfSet,
  },
  delete: {
    validate: validatePathOf,
    authorise: (ask, { path }) => ask.require(path, "delete"),
    decide: (draft, remove) => ({ op: "delete", path: planDelete(draft, remove).path }),
    growth: () => 0,
  },
  increment: {
    validate: validatePathOf,
    // It is answered with the sum.
    authorise: (ask, { path }) => ask.require(path, "write", "read"),
    decide: planIncrement,
    growth: () => 0,
  },
  check: {
    validate: validateCheck,
    authorise: (ask, { path }) => ask.requireAny(path, "read", "write", "create", "delete"),
    decide: planCheck,
    growth: () => 0,
  },
};

/** Where it makes what it does not find, which of the two it takes is known only then. */
function authoriseSet(ask: Ask, { path, create }: SetData): void {
  if (create === "only") ask.require(path, "create");
  else if (create === "upsert") ask.requireAny(path, "write", "create");
  else ask.require(path, "write");
}

/** The row of an operation of any type. */
export function rowOfOperation({ type }: Operation): OperationRow<Operation> {
  return operationTable[type];
}
