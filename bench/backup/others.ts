// The process of those who use the service meanwhile: each asks at its own pace, whether or not what was asked before is
// answered, so that a pause of the service is counted for all who came during it.

import { answerCalls } from "../support/command-process.ts";
import { send } from "../support/send.ts";

export const otherKinds = ["GET", "PUT"] as const;
export type OtherKind = (typeof otherKinds)[number];

const everyMs = { GET: 4, PUT: 10 } satisfies Record<OtherKind, number>;
const silenceMsMax = 10_000;
const body = "0123456789".repeat(10);

export type Waited = Record<OtherKind, number[]>;

let waited: Waited = { GET: [], PUT: [] };
let failures = 0;
const underWay = new Set<Promise<void>>();

const commands = {
  async begin(url: string): Promise<void> {
    for (const method of otherKinds) {
      setInterval(() => {
        const done = ask(method, url, waited).finally(() => underWay.delete(done));
        underWay.add(done);
      }, everyMs[method]);
    }
  },

  /** How long everybody waited who asked since it was called last. @throws Error when somebody was not answered */
  async take(): Promise<Waited> {
    const taken = waited;
    waited = { GET: [], PUT: [] };
    await Promise.all(underWay);
    if (failures > 0) throw new Error(`${failures} requests of others were not answered.`);
    return taken;
  },
};

export type OtherCommands = typeof commands;

async function ask(method: OtherKind, url: string, belongsTo: Waited): Promise<void> {
  const sentMs = performance.now();
  try {
    await send(url, { method, silenceMsMax, ...(method === "PUT" && { body }) });
    belongsTo[method].push(performance.now() - sentMs);
  } catch {
    failures += 1;
  }
}

answerCalls(commands);
