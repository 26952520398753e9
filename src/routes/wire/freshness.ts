// How new the state must be that a request meets. A server may be behind others: `Min-Zxid` says what the client has
// seen, `consistency=linearizable` asks for all that was answered anywhere before. The request waits until the state is
// there, before anything is done for it, and is refused when that takes too long. While the log is out of reach what is read
// is refused, or answered as it was last known where `stale=ok` says so.

import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from "fastify";
import { Type } from "typebox";
import type { Clock } from "../../clock.ts";
import { KeeperError } from "../../core/errors.ts";
import type { Sessions } from "../../sessions/sessions.ts";
import type { Suspension } from "../../store/suspension.ts";
import { unknownElsewhere } from "../../store/write-refusals.ts";
import type { AnswerStep, RequestStep } from "../http/every-request.ts";
import { fixedLimits } from "../http/fixed-limits.ts";
import { isGone } from "../http/gone.ts";
import { staleHeader } from "../http/staleness.ts";
import { tellWhatIsRead } from "./what-is-read.ts";

/** A store as those see it who wait for its state. */
export interface AwaitedStore {
  readonly clock: Clock;
  readonly zxid: number;
  readonly suspension: Suspension;
  atLeast(zxid: number, signal: AbortSignal): Promise<void>;
  sync(signal: AbortSignal): Promise<number>;
}

interface FreshnessParts {
  readonly store: AwaitedStore;
  readonly sessions: Pick<Sessions, "mayBeElsewhere">;
}

/** The step behind all that refuse: what is refused anyway waits for nothing. */
export function awaitState({ store, sessions }: FreshnessParts): RequestStep {
  const { suspension } = store;
  return (request, reply) => {
    if (suspension.isOn) assertMayBeStale(request, suspension);
    const { "min-zxid": least, "session-token": token } = request.headers;
    const { consistency, stale } = request.query as { consistency?: unknown; stale?: unknown };
    if (stale !== undefined && consistency !== undefined) assertNoContradiction(request);
    const leastZxid = least === undefined ? 0 : zxidIn(least);
    const mustCatchUp = consistency === "linearizable" || sessions.mayBeElsewhere(token);
    if (mustCatchUp || leastZxid > store.zxid) return untilFresh(store, reply, { leastZxid, mustCatchUp });
    return true;
  };
}

/** Where neither says anything, they say nothing together. @throws KeeperError `bad_request` */
function assertNoContradiction({ routeOptions }: FastifyRequest): void {
  if (routeOptions.config.showsState !== true) return;
  throw new KeeperError(
    "bad_request",
    "stale=ok takes what may be old, and consistency=linearizable does not: ask for one of them.",
  );
}

/**
 * Whether it may be answered from what is here. Also for what was held back meanwhile.
 * @throws KeeperError `suspended` where it shows what may be otherwise by now, and does not say that this will do
 */
export function assertMayBeStale(request: FastifyRequest, { isOn }: Pick<Suspension, "isOn">): void {
  if (isOn && request.routeOptions.config.showsState === true && !takesStale(request))
    throw unknownElsewhere();
}

/** Whether what was last known will do. */
export function takesStale({ query }: FastifyRequest): boolean {
  return (query as { stale?: unknown }).stale === "ok";
}

/** Calls back when an answer that is held back has nothing more to wait for. Returns what ends it. */
export function whenOutOfReach(
  request: FastifyRequest,
  suspension: Suspension,
  onSuspended: () => void,
): () => void {
  if (takesStale(request)) return () => {};
  const look = () => {
    if (suspension.isOn) onSuspended();
  };
  look();
  return suspension.follow(look);
}

/** What was read while the log is out of reach says how old it may be. */
export function dateStale({ suspension }: Pick<AwaitedStore, "suspension">): AnswerStep {
  return (request, reply, payload) => {
    if (suspension.isOn && saysWhatIs(reply) && request.routeOptions.config.showsState === true)
      reply.header(staleHeader, suspension.silentMs);
    return payload;
  };
}

/** That something is not there may be out of date as well. */
function saysWhatIs({ statusCode }: FastifyReply): boolean {
  return statusCode < 400 || statusCode === 404;
}

const zxidPattern = "^\\d{1,16}$";
const zxidForm = new RegExp(zxidPattern);

/** What is none is refused by the schema, and not waited for. @throws KeeperError `bad_request` when there is no such number */
function zxidIn(text: string | readonly string[]): number {
  if (!zxidForm.test(String(text))) return 0;
  const zxid = Number(text);
  if (Number.isSafeInteger(zxid)) return zxid;
  throw new KeeperError(
    "bad_request",
    `min-zxid is ${text}, and no zxid is above ${Number.MAX_SAFE_INTEGER}.`,
  );
}

async function untilFresh(
  store: AwaitedStore,
  reply: FastifyReply,
  { leastZxid, mustCatchUp }: { leastZxid: number; mustCatchUp: boolean },
): Promise<void> {
  if (leastZxid > store.zxid) await within(store, reply, (signal) => store.atLeast(leastZxid, signal));
  if (mustCatchUp) await catchUp(store, reply);
}

/**
 * Resolves with a zxid that the state has reached, not before that of any write that was answered anywhere before.
 * @throws KeeperError `behind` when that takes too long
 */
export function catchUp(store: AwaitedStore, reply: FastifyReply): Promise<number> {
  return within(store, reply, (signal) => store.sync(signal));
}

/** What another server has told of may still be on its way here: what is not here then has never happened. */
export async function reach(zxid: number, store: AwaitedStore, reply: FastifyReply): Promise<void> {
  if (zxid > store.zxid) await catchUp(store, reply);
}

/** Nobody waits for a client that has gone, and nothing is done for it. */
async function within<T>(
  store: AwaitedStore,
  { raw }: FastifyReply,
  wait: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const giveUp = () => controller.abort(behind(store));
  const cancelTimer = store.clock.setTimer(fixedLimits.stateWaitMsMax, giveUp);
  raw.once("close", giveUp);
  if (isGone(raw)) giveUp();
  try {
    return await wait(controller.signal);
  } finally {
    cancelTimer();
    raw.off("close", giveUp);
  }
}

function behind({ zxid }: AwaitedStore): KeeperError {
  const message =
    `This server is at zxid ${zxid}, and what was asked for did not come within ${fixedLimits.stateWaitMsMax} ms; ` +
    "nothing was done. Ask again, or another server.";
  return new KeeperError("behind", message, { retryAfterSeconds: 1 });
}

const minZxid = Type.Optional(
  Type.String({
    pattern: zxidPattern,
    "x-form": "a zxid: a whole number",
    "x-bounds": { type: "integer", minimum: 0, maximum: Number.MAX_SAFE_INTEGER, pattern: undefined },
    description:
      "The Zxid of an answer: the request waits up to stateWaitMsMax until this server has that transaction, and is " +
      "`behind` otherwise.",
    examples: [1042],
  }),
);

const consistency = Type.Optional(
  Type.Literal("linearizable", {
    description:
      "Show a state that is not before any write answered earlier, on any server. `POST /v1/sync` and Min-Zxid in one.",
  }),
);

const stale = Type.Optional(
  Type.Literal("ok", {
    description:
      "While this server cannot reach the log, answer from what it last knew; the header Stale-Ms says how old that may be. " +
      "Without it the answer is `suspended` then.",
  }),
);

/**
 * Call before any route is added: any may be asked for a state, and those that only read for the newest, or for an old
 * one. Call what it returns after the last one.
 */
export function takeFreshness(app: FastifyInstance): () => void {
  const assertWhole = tellWhatIsRead(app);
  app.addHook("onRoute", addParameters);
  return assertWhole;
}

function addParameters(route: RouteOptions): void {
  if (!route.url.startsWith("/v1")) return;
  const { headers, querystring } = (route.schema ?? {}) as { headers?: object; querystring?: object };
  const schema = { ...route.schema, headers: withProperty(headers, { "min-zxid": minZxid }) };
  // Fastify adds the route of HEAD by itself, with the schema that GET was given and not the one it has by now.
  const isRead = [route.method].flat().some((method) => method === "GET" || method === "HEAD");
  const showsState = route.config?.showsState === true;
  const asked = { ...((isRead || showsState) && { consistency }), ...(showsState && { stale }) };
  const asksMore = Object.keys(asked).length > 0;
  route.schema = asksMore ? { ...schema, querystring: withProperty(querystring, asked) } : schema;
}

function withProperty(schema: object = Type.Object({}), added: object): object {
  const { properties } = schema as { properties?: object };
  return { ...schema, properties: { ...properties, ...added } };
}
