// Sheds clients before a server is stopped: a share of the streams that are open is told goodbye and a share of the
// connections ends in good order, in slices, so that the servers they go to are not met by all at once. What still comes is
// served. Nothing ends with it but connections: sessions and what they hold live on.

import type { Clock } from "../../clock.ts";

export interface DrainPlan {
  /** Of what was open. */
  readonly percent: number;
  readonly streams: number;
  readonly connections: number;
  /** Until the last of them is told. */
  readonly withinMs: number;
}

/** What can be ended: something that is open, said with a reason or not. */
type Ending = () => void;

interface Drainable {
  /** One for each that is open now. */
  endings(reason: string): readonly Ending[];
}

interface DrainParts {
  readonly clock: Clock;
  readonly streams: () => readonly Drainable[];
  /** Their connections end behind what is under way on them. */
  readonly connections: Drainable;
}

const sliceEveryMs = 250;
const slicesMax = 40;

export class Drain {
  readonly #parts: DrainParts;
  #percent = 0;
  #cancel = () => {};

  constructor(parts: DrainParts) {
    this.#parts = parts;
  }

  /** 0 while none goes on. */
  get percent(): number {
    return this.#percent;
  }

  /** Whether no client is to stay. */
  get isOfAll(): boolean {
    return this.#percent === 100;
  }

  /** In place of one that goes on: of what is open now. */
  begin(percent: number): DrainPlan {
    this.stop();
    this.#percent = percent;
    const { streams, connections } = this.#parts;
    const ofStreams = streams().flatMap((each) => shareOf(each.endings(drainReason), percent));
    const ofConnections = shareOf(connections.endings(drainReason), percent);
    // A stream says goodbye before its connection goes.
    const slices = slicesOf([...ofStreams, ...ofConnections]);
    this.#endIn(slices);
    const withinMs = Math.max(0, slices.length - 1) * sliceEveryMs;
    return { percent, streams: ofStreams.length, connections: ofConnections.length, withinMs };
  }

  /** Whoever was not told yet stays. */
  stop(): void {
    this.#percent = 0;
    this.#cancel();
  }

  #endIn([slice, ...others]: readonly (readonly Ending[])[]): void {
    if (slice === undefined) return;
    for (const end of slice) end();
    this.#cancel = this.#parts.clock.setTimer(sliceEveryMs, () => this.#endIn(others));
  }
}

const drainReason = "draining";

/** Evenly of the old and the new ones. */
function shareOf(endings: readonly Ending[], percent: number): Ending[] {
  const upTo = (count: number) => Math.floor((count * percent) / 100);
  return endings.filter((_, index) => upTo(index + 1) > upTo(index));
}

function slicesOf(endings: readonly Ending[]): Ending[][] {
  const length = Math.max(1, Math.ceil(endings.length / slicesMax));
  return Array.from({ length: Math.ceil(endings.length / length) }, (_, index) =>
    endings.slice(index * length, (index + 1) * length),
  );
}
