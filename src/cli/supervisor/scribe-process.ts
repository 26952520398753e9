// The scribe: a process beside the supervisor that writes what it is told to one descriptor, says how that went, and may
// be kept waiting. It knows nothing else, and does not outlive the supervisor by more than a moment.

import { write } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import type { Written } from "./sink.ts";

export type ScribeAnswer = "ready" | Written;

/** The first after those of every process and the channel to the supervisor. */
const descriptor = 4;
const againMs = 50;
const endWithinMs = 1000;

let writing: Promise<void> = Promise.resolve();

// Whoever ends all at once means the supervisor, which has something to tell of it.
for (const name of ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"] as const) process.on(name, () => {});
process.on("message", (text: string) => {
  writing = writeAll(Buffer.from(text)).then(answer);
});
process.on("disconnect", async () => {
  // A thread that waits for a reader would hold up any other end.
  setTimeout(() => process.kill(process.pid, "SIGKILL"), endWithinMs);
  await writing;
  process.exit();
});
answer("ready");

function answer(message: ScribeAnswer): void {
  if (process.connected) process.send?.(message, undefined, undefined, () => {});
}

async function writeAll(bytes: Buffer): Promise<Written> {
  let count = 0;
  while (count < bytes.byteLength) {
    const { bytes: some, code } = await writeSome(bytes.subarray(count));
    count += some;
    // Somebody who has it too has made it one that does not wait.
    if (code === "EAGAIN") await pause(againMs);
    else if (code !== null) return { bytes: count, code };
  }
  return { bytes: count, code: null };
}

function writeSome(bytes: Buffer): Promise<Written> {
  return new Promise((resolve) => {
    write(descriptor, bytes, (error, count) => {
      resolve(error === null ? { bytes: count, code: null } : { bytes: 0, code: error.code ?? "EIO" });
    });
  });
}
