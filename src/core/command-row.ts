// What the service knows of a type of command: one row in the table of `commands.ts`. Whoever handles commands asks the
// row and names no type, so that a new command is a row, and none can be forgotten in a place nobody thought of.

import type { Ask } from "./access/ask.ts";
import type { Command } from "./command.ts";
import type { Addressed } from "./command-bytes.ts";
import type { Draft } from "./draft.ts";
import type { Limits } from "./limits.ts";
import type { Measured } from "./memory.ts";
import type { State } from "./state.ts";
import type { Outcomes } from "./txn.ts";

export interface CommandRow<C extends Command> {
  /** The version of the evaluation from which on every server knows it (`machine-version.ts`). */
  readonly since: number;
  /** Whose wish it is: a client's, the service's own, or one or the other. */
  readonly actor: "client" | "system" | "either";
  /** Whether it may be tried on a full disk: it makes room, or it must not be delayed. */
  readonly freesSpace: boolean;
  /** Whether it gets in where too many commands wait already (L2). */
  readonly passesFullQueue: boolean;
  /** Whether it acts for a session and under fences: both are checked before it is decided. */
  readonly hasContext: Has<C, "fences">;
  /** Whether it may name its request: its answer is then kept, as JSON, and given again (D19). */
  readonly hasKey: Has<C, "idempotency">;
  /**
   * Asks for the rights that it takes, by the paths that the command names. Before everything else, its kept reply included.
   * @throws KeeperError `forbidden`
   */
  authorise(ask: Ask, command: C): void;
  /** Whether it changes znodes as the service, whoever asks: a recipe's own, and those that go with a session. */
  readonly isOwnWork?: true;
  /** Whether its paths are those of the whole tree, whatever whoever asks is confined to. */
  readonly isOfTree?: true;
  /** @throws KeeperError when it is malformed, whatever the tree looks like */
  validate(command: C, limits: Limits): void;
  /** Puts its changes into the draft and returns its answer. @throws KeeperError when it is refused */
  decide(draft: Draft, state: State, command: C): Outcomes[C["type"]];
  /** About what it takes in an entry of the log, besides its fences and its key. */
  bytes(command: C): number;
  /** Parts of it whose data a znode has from then on, the very array. */
  parts?(command: C): readonly Addressed[];
  /**
   * About what it adds to the memory that the state takes; 0 for what must be possible where that is full.
   * @param tree as whoever asks names it
   */
  growth(command: C, tree: Measured): number;
}

/** A row must say of a command what the command's type says. */
type Has<C, Member extends string> = Member extends keyof C ? true : false;

export type CommandType = Command["type"];

export type CommandOf<Type extends CommandType> = Extract<Command, { readonly type: Type }>;

/** The rows of some types of commands: one for each, or it does not compile. */
export type RowsOf<Type extends CommandType> = {
  readonly [One in Type]: CommandRow<CommandOf<One>>;
};

/** What most rows say alike: of a write that a client asks for. */
export const clientWrite = {
  actor: "client",
  freesSpace: false,
  passesFullQueue: false,
  hasContext: true,
  hasKey: true,
} as const;

/** And of what the service does by itself. */
export const ownWrite = {
  actor: "system",
  freesSpace: true,
  passesFullQueue: false,
  hasContext: false,
  hasKey: false,
  authorise: needsNoRight,
} as const;

/** For what the service does by itself, and for what is decided by whose session it is. */
export function needsNoRight(): void {
  // Nothing to ask for.
}

/** For commands that the service puts together itself: there is nothing in them that a client could have got wrong. */
export function alwaysValid(): void {
  // Nothing to refuse.
}

/** For commands that make nothing larger. */
export function noGrowth(): 0 {
  return 0;
}
