// A thread that checkpoints on request, with a connection of its own: copying pages back into the file and
// syncing it takes long, and the writer does not wait for it. It never writes anything else.

import { parentPort, workerData } from "node:worker_threads";
import { openConnection } from "./connection.ts";
import type { CheckpointDone, CheckpointRequest } from "./wal-keeper.ts";

const port = parentPort as NonNullable<typeof parentPort>;
const connection = openConnection(workerData as string);

port.on("message", (request: CheckpointRequest) => {
  if (request === "checkpoint") {
    port.postMessage(checkpoint());
    return;
  }
  connection.close();
  port.close();
});

function checkpoint(): CheckpointDone {
  const started = performance.now();
  const tookMs = () => performance.now() - started;
  try {
    const [row] = connection.pragma("wal_checkpoint(PASSIVE)") as [CheckpointRow];
    const isComplete = row.busy === 0 && row.checkpointed >= row.log;
    return { error: null, isComplete, tookMs: tookMs() };
  } catch (error) {
    const { code, message } = error as { readonly code?: string; readonly message: string };
    return { error: { code: code ?? "", message }, isComplete: false, tookMs: tookMs() };
  }
}

interface CheckpointRow {
  readonly busy: number;
  /** Frames of the write-ahead log, and how many of them are in the file. */
  readonly log: number;
  readonly checkpointed: number;
}
