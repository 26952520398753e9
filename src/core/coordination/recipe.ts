// What is built on the tree is a recipe: commands of its own, and a say in what happens to the tree by other ways. The
// rest of the core knows recipes by this shape and none by name.

import type { CloseSession } from "../command.ts";
import type { RowsOf } from "../command-row.ts";
import type { Draft } from "../draft.ts";
import type { State } from "../state.ts";
import type { Znode } from "../tree/znode.ts";
import type { CoordinationCommand } from "./coordination-command.ts";

/** The end of a session, or of a part of what it owned. */
export interface SessionEnd {
  readonly reason: CloseSession["reason"];
  /** Its ephemerals that go, in the order they were made: the draft has them no more, the state still has. */
  readonly lost: readonly Znode[];
}

export interface Recipe<C extends CoordinationCommand> {
  readonly commands: RowsOf<C["type"]>;
  /** Adds to the transaction that ends a session what follows from that. */
  sessionEnded?(draft: Draft, state: State, end: SessionEnd): void;
}
