// How a metric is moved: what is done to a service, and by how much its value differs afterwards.

import type { Http } from "../support/http.ts";
import type { Settings, World, WorldOptions } from "./world.ts";

/** What was begun for the sake of a value is ended once the value was read. */
type Undo = () => unknown;

export interface Moves {
  /** Part of the labels of the sample that moves; all of them together unless given. */
  readonly label?: string;
  /** By so much; by anything unless given. */
  readonly by?: number;
  /** By so much or more, where other things move it as well. */
  readonly atLeast?: number;
  /** A service of its own, where the usual one does not do. */
  readonly options?: WorldOptions | (() => Promise<WorldOptions>);
  /** The name of a service that several have, one after the other: each leaves it as it was. */
  readonly shared?: string;
  readonly move: (world: World) => Promise<Undo | undefined> | Promise<void>;
}

/** What is set at the start, and does not move after it: so two services that are set otherwise are looked at. */
export interface SetAtStart {
  readonly shows: (settings: Settings) => number;
}

/** What is the same for as long as the process runs. */
interface OfTheProcess {
  readonly is: () => number;
}

/** What only a service as it is started has. */
interface InService {
  readonly ask: (http: Http) => Promise<unknown>;
}

export type Mover = Moves | SetAtStart | OfTheProcess | InService;

/** By the metric; where its samples are moved by different things, each of them. */
export type Movers = Readonly<Record<string, Mover | readonly Mover[]>>;

export function moves(by: number, move: Moves["move"], more: Omit<Moves, "by" | "move"> = {}): Moves {
  return { by, move, ...more };
}

export function changes(move: Moves["move"], more: Omit<Moves, "move"> = {}): Moves {
  return { move, ...more };
}

export function shows(value: SetAtStart["shows"]): SetAtStart {
  return { shows: value };
}
