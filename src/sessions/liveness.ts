// The port between sessions and whoever measures their silence. A server that is alone keeps what it hears in memory; of
// several, one measures for all, so each has to tell the others.

import type { Session } from "../core/session.ts";
import type { Deadline } from "./deadlines.ts";

/** A session, and when it was last heard of as far as is known here. */
export interface Alive {
  readonly session: Session;
  readonly deadline: Deadline<string>;
}

/** What a close for silence says: the entry in which the session was last told of, where there are others to tell. */
export interface Silence {
  readonly ifTouchedAt?: number;
}

export interface Liveness {
  /**
   * The session is heard of (N7). Its timeout begins again, now or a little later; nothing may be promised for that. This is
   * on the path of every request.
   */
  touch(alive: Alive): void;
  /**
   * The same, for a request that is answered with how long the session is surely alive. Resolves when its whole timeout,
   * counted from the call, may be promised; null when it may be at once.
   * @throws KeeperError when it cannot be said: the session may end after what was promised before
   */
  confirm(alive: Alive): Promise<void> | null;
  /** What must still hold for the session to be ended for its silence: that nobody has heard of it since. */
  silenceOf(session: Session): Silence;
  /** Nothing more is told. */
  stop(): void;
}
