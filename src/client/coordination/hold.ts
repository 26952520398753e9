// Holding something that one session at a time can hold, or a few: claim it, wait, act while it is held, let go. The
// queue and the choice are the service's; this sees to it that nothing is left claimed, and that the holder hears when
// it must stop.

import { stampText } from "../../core/epochs.ts";
import type { Fence } from "../../core/write-context.ts";
import type { Answer, Call, Caller } from "../calls/calls.ts";
import { HoldLostError, type ProblemCode, RequestError, SessionLostError } from "../calls/errors.ts";
import { epochIn } from "../calls/fences.ts";
import { segmentOf } from "../calls/names.ts";
import { joinSignals, unlessAborted } from "../calls/signals.ts";
import type { Transport } from "../calls/transport.ts";
import type { SessionKeeper } from "../sessions/session-keeper.ts";
import type { Turns } from "../sessions/turns.ts";
import { watch } from "../watches/watch.ts";

/** What is held. As one of a write's `fences` it lets the write happen only while it is still held. */
export interface Hold extends Fence {
  /** Grows from holder to holder: for systems that refuse a number lower than one they have seen. */
  readonly fence: number;
  /**
   * Aborts when acting must stop: the session is about to be lost or is lost, the claim was taken away, or the signal
   * of the call aborted. It does not come back.
   */
  readonly signal: AbortSignal;
}

/** Where a claim stands. */
interface Standing {
  readonly id: string;
  readonly isHeld: boolean;
  /** Among those who wait, 1 being the next; undefined where it is held. */
  readonly position?: number;
  /** The claim's znode and its czxid. */
  readonly path: string;
  /** 0 where the answer does not tell. */
  readonly fence: number;
  /** Of the fence, where the answer tells. */
  readonly epoch?: string;
  /** Whose it is, where the answer tells. */
  readonly session?: string | null;
}

/** The server holds an answer back for so long at most; then it is asked again. */
const waitStepMs = 20_000;

interface ClaimParts {
  readonly title: string;
  /** Where claims of its kind are, below the service's URL. */
  readonly url: string;
  readonly asked: object;
  /** Of a claim that asks not to wait: what is thrown when it would. */
  readonly refusal?: () => Error;
}

/** A claim as the service keeps it: how it is asked for, and how it is given back. */
export class Claim {
  /** For people, such as `lock a`. */
  readonly title: string;
  readonly #caller: Caller;
  readonly #url: string;
  readonly #asked: object;
  readonly #refusal: (() => Error) | undefined;

  constructor(caller: Caller, { title, url, asked, refusal }: ClaimParts) {
    this.title = title;
    this.#caller = caller;
    this.#url = url;
    this.#asked = asked;
    this.#refusal = refusal;
  }

  urlOf(id: string): string {
    return `${this.#url}/${segmentOf(id)}`;
  }

  /** Takes a place in the queue. With a key, a connection that is lost does not cost it. */
  async stand(): Promise<Standing> {
    const call = { method: "POST", path: this.#url, json: this.#asked, repeat: "keyed" } as const;
    const standing = standingIn(await this.#send(call));
    // The session has stood in line before: who does so on its behalf gives that up, not who was refused here.
    if (!standing.isHeld && this.#refusal !== undefined) throw this.#refusal();
    return standing;
  }

  /** Holds on for a while until it is held. */
  async wait(id: string, signal: AbortSignal, waitMs = waitStepMs): Promise<Standing> {
    const call = {
      method: "GET",
      path: this.urlOf(id),
      query: { waitMs },
      repeat: "harmless",
      signal,
    } as const;
    return standingIn(await this.#send({ ...call, heldMs: waitMs }));
  }

  /** Whether it is held as it stood, and not another that has its name and its number by now. */
  async isStillHeld(standing: Standing, sessionId: string, signal: AbortSignal): Promise<boolean> {
    try {
      const now = await this.wait(standing.id, signal, 0);
      return now.isHeld && isSameClaim(standing, now, sessionId);
    } catch (error) {
      if (isRefusal(error, "no_claim")) return false;
      throw error;
    }
  }

  /** Gives it back, held or not. What is gone already is no fault, also where another's has its id by now. */
  async leave(id: string): Promise<void> {
    const leaving = this.#send({ method: "DELETE", path: this.urlOf(id), repeat: "harmless" });
    await letGo(leaving, "no_claim", "not_holder");
  }

  /** Only the end of the session ends the attempts: what is claimed must be known, and given back. */
  #send(call: Call): Promise<Answer> {
    return this.#caller.send({ ...call, attemptsMax: Number.POSITIVE_INFINITY });
  }
}

interface WireStanding {
  readonly id: string;
  readonly state: "held" | "leading" | "waiting";
  readonly position?: number;
  readonly path: string;
  readonly fence?: number;
  readonly fenceHeader?: string;
  /** A leader's fence, where it is called so. */
  readonly term?: number;
  readonly session?: string | null;
}

function standingIn({ body }: Answer): Standing {
  const { id, state, position, path, fence, term, fenceHeader, session } = body as WireStanding;
  const epoch = epochIn(fenceHeader);
  return {
    ...{ id, isHeld: state !== "waiting", path, fence: fence ?? term ?? 0 },
    ...(position !== undefined && { position }),
    ...(epoch !== undefined && { epoch }),
    ...(session !== undefined && { session }),
  };
}

/** Told of a place in the queue when it is taken, and when it is found to be another one. */
export type Waiting = (position: number) => void;

export interface Holder {
  readonly transport: Transport;
  readonly keeper: SessionKeeper;
  readonly turns: Turns;
}

/** How long to wait, and who is told meanwhile. */
interface Wait {
  /** Ends the wait, and tells whoever acts to stop. */
  readonly signal: AbortSignal;
  readonly waiting?: Waiting | undefined;
}

export async function hold<T>(
  holder: Holder,
  claim: Claim,
  { signal, waiting }: Wait,
  act: (hold: Hold) => Promise<T> | T,
): Promise<T> {
  return await holder.turns.run(claim.title, signal, async (holdUp) => {
    const standing = await acquire(holder, claim, { signal, waiting, holdUp });
    return await actAndLeave(holder, claim, { ...standing, signal }, act);
  });
}

/** Whoever gives up must know what to give up: so the first answer is waited for, by nobody if need be. */
async function acquire(
  { keeper }: Holder,
  claim: Claim,
  { signal, waiting, holdUp }: Wait & { readonly holdUp: (until: Promise<void>) => void },
): Promise<Standing> {
  signal.throwIfAborted();
  const stood = claim.stand();
  try {
    const first = await unlessAborted(stood, signal);
    let standing = first;
    let position: number | undefined;
    while (!standing.isHeld) {
      if (standing.position !== undefined && standing.position !== position) waiting?.(standing.position);
      position = standing.position;
      standing = await claim.wait(first.id, signal);
      if (!isSameClaim(first, standing, keeper.opened.id)) throw takenAway(claim, first);
    }
    signal.throwIfAborted();
    return standing;
  } catch (error) {
    // The next one of this session would be given this very claim, and lose it.
    if (!isRefusal(error, "no_claim")) holdUp(leaveBehind(claim, stood));
    throw error;
  }
}

/**
 * A lock that was deleted and made again numbers its claims anew: of the same id, it may be somebody else's. In a store that
 * was rolled back, even the fence may be the same number.
 */
function isSameClaim(first: Standing, later: Standing, sessionId: string): boolean {
  const isOtherFence = first.fence !== 0 && later.fence !== 0 && first.fence !== later.fence;
  const isOtherEpoch = first.epoch !== undefined && later.epoch !== undefined && first.epoch !== later.epoch;
  return !isOtherFence && !isOtherEpoch && (later.session === undefined || later.session === sessionId);
}

/** As the server says it of a claim that is gone. */
function takenAway({ title }: Claim, { id }: Standing): RequestError {
  const detail = `The claim ${id} on the ${title} was taken away; another one has that name now.`;
  return new RequestError({ code: "no_claim", status: 404, detail });
}

/** A claim that cannot be given back goes with its session. */
async function leaveBehind(claim: Claim, stood: Promise<Standing>): Promise<void> {
  await stood.then(({ id }) => claim.leave(id)).catch(() => {});
}

async function actAndLeave<T>(
  holder: Holder,
  claim: Claim,
  { signal, ...standing }: Standing & { readonly signal: AbortSignal },
  act: (hold: Hold) => Promise<T> | T,
): Promise<T> {
  const { id, path, fence, epoch } = standing;
  const guard = new Guard(holder, claim, standing);
  const stopping = joinSignals(signal, guard.signal);
  try {
    stopping.signal.throwIfAborted();
    const held = { path, czxid: fence, ...(epoch !== undefined && { epoch }) };
    return await act({ ...held, fence, signal: stopping.signal });
  } finally {
    stopping.leave();
    guard.end();
    await claim.leave(id);
  }
}

/** Watches over what is held, and tells when it is not, or not for long. */
class Guard {
  readonly #controller = new AbortController();
  readonly #watching = new AbortController();
  readonly #title: string;
  readonly #stopListening: () => void;

  constructor({ transport, keeper }: Holder, claim: Claim, standing: Standing) {
    this.#title = claim.title;
    this.#stopListening = keeper.onStateChanged(() => this.#check(keeper));
    this.#check(keeper);
    const { signal } = this.#watching;
    const isStillHeld = () => claim.isStillHeld(standing, keeper.opened.id, signal);
    if (!this.signal.aborted) void this.#watch(() => untilGone(transport, standing, { isStillHeld, signal }));
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  end(): void {
    this.#stopListening();
    this.#watching.abort();
  }

  #check(keeper: SessionKeeper): void {
    const state = keeper.look();
    if (state === "expiring") this.#controller.abort(new HoldLostError(this.#title, "expiring"));
    if (keeper.lostSignal.aborted) this.#controller.abort(keeper.lostSignal.reason);
  }

  /** Who cannot be told whether it is held must not believe it. */
  async #watch(untilGone: () => Promise<void>): Promise<void> {
    const { signal } = this.#watching;
    try {
      await untilGone();
      this.#controller.abort(new HoldLostError(this.#title, "revoked"));
    } catch (error) {
      if (!signal.aborted) this.#controller.abort(error);
    }
  }
}

interface Doubts {
  readonly isStillHeld: () => Promise<boolean>;
  readonly signal: AbortSignal;
}

async function untilGone(
  transport: Transport,
  claim: Standing,
  { isStillHeld, signal }: Doubts,
): Promise<void> {
  const { path, fence, epoch } = claim;
  let isThere = true;
  let isDoubtful = false;
  const cursor =
    epoch === undefined ? { sinceZxid: fence } : { lastEventId: stampText({ zxid: fence, epoch }) };
  const request = { paths: [path], types: ["deleted"], data: false, ...cursor } as const;
  for await (const message of watch(transport, request, { signal })) {
    if (message.type === "change") return;
    if (message.type === "reset") {
      isThere = false;
      // The store has another past than it had: what has the number of the claim need not be the claim.
      isDoubtful = message.reason === "unknown_zxid";
    }
    if (message.type === "snapshot") isThere ||= message.znodes.some(({ stat }) => stat.czxid === fence);
    if (message.type !== "synced") continue;
    if (!isThere || (isDoubtful && !(await isStillHeld()))) return;
    isDoubtful = false;
  }
}

/** Waits until something is given back. With its session it went by itself, and what is not there needs no giving. */
export async function letGo(leaving: Promise<unknown>, ...codesIfGone: ProblemCode[]): Promise<void> {
  try {
    await leaving;
  } catch (error) {
    if (!isRefusal(error, ...codesIfGone) && !(error instanceof SessionLostError)) throw error;
  }
}

export function isRefusal(error: unknown, ...codes: ProblemCode[]): boolean {
  return error instanceof RequestError && codes.includes(error.code);
}
