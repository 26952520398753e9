// A process that is master and acts without a pause, as long as its session is valid. It says when it begins, how the
// session stands when that changes, and how it ended. Its arguments are the URL of the server and the timeout of its session.

import { setImmediate } from "node:timers/promises";
import { Client, RequestError } from "../../src/client/index.ts";

const [url = "", timeoutMs = ""] = process.argv.slice(2);
const client = new Client({ endpoint: url });
const session = await client.openSession({ timeoutMs: Number(timeoutMs) });
session.onStateChanged((state) => {
  if (!session.lostSignal.aborted) say({ state });
});
const { path, stat, zxid } = await session.create("/master", "", { mode: { kind: "ephemeral" } });
say({ czxid: stat.czxid, zxid });

let actedAtMs = 0;
while (true) {
  // The time before the question: whoever is stopped between the two has not acted yet.
  const askedAtMs = Date.now();
  if (!session.isValid()) break;
  actedAtMs = askedAtMs;
  await setImmediate();
}
const { end } = session.lostSignal.reason;
say({ state: session.state, end, actedAtMs, lateWrite: await writeLate() });

async function writeLate(): Promise<string> {
  try {
    await client.set("/work", "too late", { fences: [{ path, czxid: stat.czxid }] });
    return "done";
  } catch (error) {
    return error instanceof RequestError ? error.code : String(error);
  }
}

function say(what: object): void {
  process.stdout.write(`${JSON.stringify(what)}\n`);
}
