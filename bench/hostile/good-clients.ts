// The process of those who are not to be harmed: they ask little, each at its own pace, whether or not what was asked before
// is answered. So a pause of the service is counted for all who came during it.

import { setDefaultCACertificates } from "node:tls";
import { answerCalls } from "../support/command-process.ts";
import { type Message, send } from "../support/send.ts";
import { type GoodKind, goodKinds } from "./good-kinds.ts";

export interface GoodTarget {
  readonly baseUrl: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Znodes that are there. */
  readonly parent: string;
  /** PEM of whoever certifies the service; none without TLS. */
  readonly authority?: string;
}

/** So often that a p99 is more than the worst of a few. */
const everyMs = { keepalive: 20, PUT: 50, GET: 50 } satisfies Record<GoodKind, number>;

const sessionTimeoutMs = 10_000;
/** Later is as good as never. */
const silenceMsMax = sessionTimeoutMs;
const body = "0123456789".repeat(10);

/** What was asked in some time, and how it went. */
export interface Asked {
  readonly ms: Record<GoodKind, number[]>;
  readonly failed: Record<GoodKind, number>;
  /** What one of those who failed was told. */
  failure: string | null;
}

const underWay = new Map<Promise<void>, Asked>();
let asked = nothingAsked();

const commands = {
  async begin(target: GoodTarget): Promise<void> {
    if (target.authority !== undefined) setDefaultCACertificates([target.authority]);
    const requests = await requestsTo(target);
    for (const kind of goodKinds) setInterval(() => ask(kind, requests[kind]), everyMs[kind]);
  },

  /** All that was asked since it was called last, once it is answered. */
  async take(): Promise<Asked> {
    const taken = asked;
    asked = nothingAsked();
    const ofTaken = [...underWay].filter(([, belongsTo]) => belongsTo === taken);
    await Promise.all(ofTaken.map(([done]) => done));
    return taken;
  },
};

export type GoodCommands = typeof commands;

function nothingAsked(): Asked {
  return {
    ms: { keepalive: [], PUT: [], GET: [] },
    failed: { keepalive: 0, PUT: 0, GET: 0 },
    failure: null,
  };
}

interface Request {
  readonly url: string;
  readonly message: Message;
}

async function requestsTo({ baseUrl, headers, parent }: GoodTarget): Promise<Record<GoodKind, Request>> {
  const opening = { method: "POST", body: JSON.stringify({ timeoutMs: sessionTimeoutMs }), headers };
  const answer = await send(`${baseUrl}/v1/sessions`, opening);
  const { id, token } = JSON.parse(answer) as { readonly id: string; readonly token: string };
  const znode = `${baseUrl}/v1/znodes${parent}/n0000000`;
  const sessionHeaders = { ...headers, "Session-Token": token };
  return {
    keepalive: {
      url: `${baseUrl}/v1/sessions/${id}`,
      message: { method: "PUT", headers: sessionHeaders, silenceMsMax },
    },
    PUT: { url: znode, message: { method: "PUT", body, headers, silenceMsMax } },
    GET: { url: znode, message: { method: "GET", headers, isFresh: true, silenceMsMax } },
  };
}

function ask(kind: GoodKind, request: Request): void {
  const belongsTo = asked;
  const done = answered(kind, request, belongsTo).finally(() => underWay.delete(done));
  underWay.set(done, belongsTo);
}

async function answered(kind: GoodKind, { url, message }: Request, belongsTo: Asked): Promise<void> {
  const sentMs = performance.now();
  try {
    await send(url, message);
    belongsTo.ms[kind].push(performance.now() - sentMs);
  } catch (error) {
    belongsTo.failed[kind] += 1;
    belongsTo.failure ??= `${kind}: ${(error as Error).message}`;
  }
}

answerCalls(commands);
