// How new the state must be that a request meets. A server may be behind others: `Min-Zxid` says what the client has
// seen, `consistency=linearizable` asks for all that was answered anywhere before. The request waits until the state is
// there, before anything is done for it, and is refused when that takes too long.

import type { FastifyInstance, FastifyReply, RouteOptions } from "fastify";
import { Type } from "typebox";
import type { Clock } from "../../clock.ts";
import { KeeperError } from "../../core/errors.ts";
import type { Sessions } from "../../sessions/sessions.ts";
import type { RequestStep } from "../http/every-request.ts";
import { fixedLimits } from "../http/fixed-limits.ts";
import { isGone } from "../http/gone.ts";

/** A store as those see it who wait for its state. */
export interface AwaitedStore {
  readonly clock: Clock;
  readonly zxid: number;
  atLeast(zxid: number, signal: AbortSignal): Promise<void>;
  sync(signal: AbortSignal): Promise<number>;
}

interface FreshnessParts {
  readonly store: AwaitedStore;
  readonly sessions: Pick<Sessions, "mayBeElsewhere">;
}

/** The step behind all that refuse: what is refused anyway waits for nothing. */
export function awaitState({ store, sessions }: FreshnessParts): RequestStep {
  return (request, reply) => {
    const { "min-zxid": least, "session-token": token } = request.headers;
    const { consistency } = request.query as { consistency?: unknown };
    const leastZxid = least === undefined ? 0 : zxidIn(least);
    const mustCatchUp = consistency === "linearizable" || sessions.mayBeElsewhere(token);
    if (mustCatchUp || leastZxid > store.zxid) return untilFresh(store, reply, { leastZxid, mustCatchUp });
    return true;
  };
}

const zxidPattern = "^\\d{1,16}$";
const zxidForm = new RegExp(zxidPattern);

/** What is none is refused by the schema, and not waited for. */
function zxidIn(text: string | readonly string[]): number {
  return zxidForm.test(String(text)) ? Number(text) : 0;
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

/** Call before any route is added: any may be asked for a state, and those that only read for the newest. */
export function takeFreshness(app: FastifyInstance): void {
  app.addHook("onRoute", addParameters);
}

function addParameters(route: RouteOptions): void {
  if (!route.url.startsWith("/v1")) return;
  const { headers, querystring } = (route.schema ?? {}) as { headers?: object; querystring?: object };
  const schema = { ...route.schema, headers: withProperty(headers, { "min-zxid": minZxid }) };
  const isRead = [route.method].flat().includes("GET");
  route.schema = isRead ? { ...schema, querystring: withProperty(querystring, { consistency }) } : schema;
}

function withProperty(schema: object = Type.Object({}), added: object): object {
  const { properties } = schema as { properties?: object };
  return { ...schema, properties: { ...properties, ...added } };
}
