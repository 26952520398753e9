// The commands about znodes: each operation of a transaction by itself, whole subtrees, transactions, imports, and the
// sweeps that nobody asks for.

import type { ImportZnodes, Multi, SingleWrite, Sweep } from "./command.ts";
import { partsBytes, pathBytes } from "./command-bytes.ts";
import { alwaysValid, clientWrite, noGrowth, ownWrite, type RowsOf } from "./command-row.ts";
import { validateImported, validatePathOf } from "./command-syntax.ts";
import { growthOfImported } from "./memory.ts";
import { operationTable, rowOfOperation } from "./operations.ts";
import { authoriseImport, planImport } from "./plan-import.ts";
import { authoriseMulti, planMulti, validateMulti } from "./plan-multi.ts";
import { planSweep } from "./plan-sweep.ts";
import {
  planCheck,
  planCreate,
  planDelete,
  planDeletePart,
  planDeleteTree,
  planIncrement,
  planSetData,
} from "./plan-znodes.ts";

const { create, setData, delete: remove, increment, check } = operationTable;

export const znodeCommands: RowsOf<(SingleWrite | Multi | ImportZnodes | Sweep)["type"]> = {
  create: {
    ...clientWrite,
    since: 1,
    validate: (command, limits) => create.validate(command, limits, command.sessionId),
    authorise: create.authorise,
    decide: (draft, _state, command) => planCreate(draft, command, command.sessionId),
    bytes: pathBytes,
    parts: (command) => [command],
    growth: create.growth,
  },
  setData: {
    ...clientWrite,
    since: 1,
    validate: (command, limits) => setData.validate(command, limits, command.sessionId),
    authorise: setData.authorise,
    decide: (draft, _state, command) => planSetData(draft, command),
    bytes: pathBytes,
    parts: (command) => [command],
    growth: setData.growth,
  },
  delete: {
    ...clientWrite,
    since: 1,
    freesSpace: true,
    validate: (command, limits) => remove.validate(command, limits, command.sessionId),
    authorise: remove.authorise,
    decide: (draft, _state, command) => planDelete(draft, command),
    bytes: pathBytes,
    growth: noGrowth,
  },
  increment: {
    ...clientWrite,
    since: 1,
    validate: (command, limits) => increment.validate(command, limits, command.sessionId),
    authorise: increment.authorise,
    decide: (draft, _state, command) => planIncrement(draft, command),
    bytes: pathBytes,
    growth: increment.growth,
  },
  check: {
    ...clientWrite,
    since: 1,
    validate: (command, limits) => check.validate(command, limits, command.sessionId),
    authorise: check.authorise,
    decide: (draft, _state, command) => planCheck(draft, command),
    bytes: pathBytes,
    growth: check.growth,
  },
  deleteTree: {
    ...clientWrite,
    since: 1,
    freesSpace: true,
    validate: validatePathOf,
    authorise: (ask, { path }) => ask.requireBelow(path, "delete"),
    decide: (draft, _state, command) => planDeleteTree(draft, command),
    bytes: pathBytes,
    growth: noGrowth,
  },
  deletePart: {
    ...clientWrite,
    since: 5,
    freesSpace: true,
    validate: validatePathOf,
    authorise: (ask, { path }) => ask.requireBelow(path, "delete"),
    decide: (draft, _state, command) => planDeletePart(draft, command),
    bytes: pathBytes,
    growth: noGrowth,
  },
  multi: {
    ...clientWrite,
    since: 1,
    validate: validateMulti,
    authorise: authoriseMulti,
    decide: (draft, _state, command) => planMulti(draft, command),
    bytes: ({ operations }) => partsBytes(operations),
    parts: ({ operations }) => operations,
    growth: ({ operations }, state) =>
      operations.reduce((sum, operation) => sum + rowOfOperation(operation).growth(operation, state), 0),
  },
  import: {
    ...clientWrite,
    since: 3,
    validate: ({ znodes }, limits) => {
      for (const [index, znode] of znodes.entries()) validateImported(znode, index, limits);
    },
    authorise: authoriseImport,
    decide: (draft, _state, command) => planImport(draft, command),
    bytes: ({ znodes }) => partsBytes(znodes),
    parts: ({ znodes }) => znodes,
    growth: ({ znodes }, state) => znodes.reduce((sum, znode) => sum + growthOfImported(znode, state), 0),
  },
  sweep: {
    ...ownWrite,
    since: 3,
    validate: alwaysValid,
    decide: (draft, _state, command) => planSweep(draft, command),
    bytes: pathBytes,
    growth: noGrowth,
  },
};
