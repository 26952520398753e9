// A command that is run while a lock is held, and does what must not be done by two: it says that it lives, again and
// again, and writes. It believes nothing and asks nobody whether it may; whoever supervises it has to end it.

import { EvidenceFile, monotonicMs } from "./evidence.ts";

const [file = "", url = "", trial = "", who = "", manner = ""] = process.argv.slice(2);
const [path = "", fenceText = ""] = (process.env.TREEKEEPER_FENCE ?? "").split("@");
const about = { trial, who, fence: Number(fenceText.split(".")[0]) };
const evidence = new EvidenceFile(file);
const liveMs = 10;
const writeMs = 100;
let writeNumber = 0;
let writtenMs = Number.NEGATIVE_INFINITY;

if (manner === "stubborn") process.on("SIGTERM", () => {});
evidence.tell({ kind: "held", ...about, path, group: process.pid, atMs: monotonicMs() });
process.stdout.write(`${process.pid} ${path}@${fenceText}\n`);
live();
setInterval(live, liveMs);

function live(): void {
  const atMs = monotonicMs();
  evidence.tell({ kind: "believed", ...about, atMs, untilMs: atMs });
  if (atMs < writtenMs + writeMs) return;
  writtenMs = atMs;
  void write();
}

async function write(): Promise<void> {
  writeNumber += 1;
  const number = writeNumber;
  evidence.tell({ kind: "asked", ...about, number, isLate: false, atMs: monotonicMs() });
  const outcome = await outcomeOf(`${about.fence} ${number}`);
  evidence.tell({ kind: "answered", ...about, number, outcome, atMs: monotonicMs() });
}

async function outcomeOf(body: string): Promise<number | string> {
  try {
    const headers = { Fence: `${path}@${fenceText}` };
    const response = await fetch(`${url}/v1/znodes/work/${trial}`, { method: "PUT", headers, body });
    const answer = (await response.json()) as {
      readonly code?: string;
      readonly stat?: { readonly mzxid: number };
    };
    return answer.stat?.mzxid ?? answer.code ?? "unknown";
  } catch {
    return "unknown";
  }
}
