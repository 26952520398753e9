// The writes that may stand in a transaction: one row for each, which says how it is held against the bounds, what it
// does as one of many, and what it adds to memory. By itself each is a command as well (`znode-commands.ts`).

import type { Operation } from "./command.ts";
import { validateCheck, validateCreate, validatePathOf, validateSetData } from "./command-syntax.ts";
import type { Draft } from "./draft.ts";
import type { Limits } from "./limits.ts";
import { growthOfCreate, growthOfSet } from "./memory.ts";
import { planCheck, planCreate, planDelete, planIncrement, planSetData } from "./plan-znodes.ts";
import type { State } from "./state.ts";
import type { OperationResult } from "./txn.ts";

type SessionId = string | undefined;

interface OperationRow<O extends Operation> {
  /** @throws KeeperError when it is malformed, whatever the tree looks like */
  validate(operation: O, limits: Limits, sessionId: SessionId): void;
  /** @throws KeeperError when it is refused */
  decide(draft: Draft, operation: O, sessionId: SessionId): OperationResult;
  growth(operation: O, state: State): number;
}

type OperationTable = {
  readonly [Type in Operation["type"]]: OperationRow<Extract<Operation, { readonly type: Type }>>;
};

export const operationTable: OperationTable = {
  create: {
    validate: validateCreate,
    decide: (draft, create, sessionId) => {
      const { path, stat } = planCreate(draft, create, sessionId);
      return { op: "create", path, stat };
    },
    growth: growthOfCreate,
  },
  setData: {
    validate: validateSetData,
    decide: (draft, set) => {
      const { path, stat } = planSetData(draft, set);
      return { op: "set", path, stat };
    },
    growth: growthOfSet,
  },
  delete: {
    validate: validatePathOf,
    decide: (draft, remove) => ({ op: "delete", path: planDelete(draft, remove).path }),
    growth: () => 0,
  },
  increment: { validate: validatePathOf, decide: planIncrement, growth: () => 0 },
  check: { validate: validateCheck, decide: planCheck, growth: () => 0 },
};

/** The row of an operation of any type. */
export function rowOfOperation({ type }: Operation): OperationRow<Operation> {
  return operationTable[type];
}
