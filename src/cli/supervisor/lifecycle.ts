// What befalls a command under lock, elect or register, as programs are told of it: the only list of these events.
// docs/cli.md has them as a table.

/** What it is about: the lock, election or service. */
export interface Subject {
  readonly kind: "lock" | "election" | "service";
  readonly name: string;
}

export type LifecycleEvent =
  /** It stands in line; 1 is the next. Told again when the place is found to be another one. */
  | { readonly event: "waiting"; readonly position: number }
  /** It holds the lock, or leads. From now on nobody else does, for so long or for as long as it is confirmed. */
  | ({ readonly event: "held" | "elected" } & Holding)
  | { readonly event: "registered"; readonly id: string }
  | { readonly event: "started"; readonly pid: number }
  /** An answer is missing: what is held is held by what was last confirmed. */
  | { readonly event: "suspended"; readonly validForMs: number }
  /** And now it is confirmed again. */
  | { readonly event: "confirmed"; readonly validForMs: number }
  /** What was held, waited for or listed is not any more, or is in doubt; a command that needs it is being ended. */
  | { readonly event: "lost"; readonly reason: string }
  /** Either how it ended by itself, or by which signal; or why it could not be run, with the code shells have for that. */
  | {
      readonly event: "exited";
      readonly code: number | null;
      readonly signal: NodeJS.Signals | null;
      readonly reason: string | null;
    }
  /** Given back, all of the command being gone. */
  | { readonly event: "released" | "resigned" | "deregistered" }
  /** In the place of so many others, which nobody read in time or which could not be written. */
  | { readonly event: "left_out"; readonly count: number }
  /** The last one: what this program ends with. */
  | { readonly event: "ended"; readonly code: number; readonly reason: string | null };

interface Holding {
  /** Grows from holder to holder. */
  readonly fence: number;
  /** What a write sends as `Fence`. */
  readonly fenceHeader: string;
  readonly validForMs: number;
}

export type Tell = (event: LifecycleEvent) => void;
