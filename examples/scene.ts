// What the examples in TypeScript share: the service, a folder, and an end that leaves nothing behind. Not an example
// itself.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client, type Session } from "treekeeper/client";

const endpoint = process.env.TREEKEEPER_ENDPOINT ?? process.env.TREEKEEPER_URL ?? "http://127.0.0.1:2281";
export const client = new Client({ endpoint });
export const folder = mkdtempSync(join(tmpdir(), "treekeeper-example-"));
export const lockName = `example-${process.pid}`;

const sessions: Session[] = [];
let hasMadeLocks = false;
let ending: Promise<void> | null = null;

export async function openSession(name: string): Promise<Session> {
  const session = await client.openSession({ name });
  sessions.push(session);
  if (ending !== null) throw new Error("the example is over");
  return session;
}

const startedMs = performance.now();

export function say(text: string): void {
  console.log(`${((performance.now() - startedMs) / 1000).toFixed(1).padStart(4)} s  ${text}`);
}

export function check(isSo: boolean, otherwise: string): void {
  if (!isSo) throw new Error(otherwise);
}

/** Tells the story to its end, also when it is interrupted, and says by the exit status whether it came true. */
export async function play(story: () => Promise<void>): Promise<void> {
  process.once("SIGINT", () => void end(130));
  process.once("SIGTERM", () => void end(143));
  await findService();
  try {
    hasMadeLocks = (await client.exists("/locks")) === undefined;
    await story();
    await end(0);
  } catch (error) {
    if (ending === null) console.error(`FAILED: ${error}`);
    await end(1);
  }
}

async function findService(): Promise<void> {
  try {
    await new Client({ endpoint, attemptsMax: 1 }).limits();
  } catch {
    console.error(
      `No treekeeper at ${endpoint}. Start one with "npm start", or say in TREEKEEPER_ENDPOINT where it is.`,
    );
    rmSync(folder, { recursive: true, force: true });
    process.exit(1);
  }
}

function end(code: number): Promise<void> {
  ending ??= cleanUp().finally(() => process.exit(code));
  return ending;
}

async function cleanUp(): Promise<void> {
  await Promise.allSettled(sessions.map((session) => session.close()));
  await client.delete(`/locks/${lockName}`, { recursive: true }).catch(() => {});
  // Not when others have locks there by now.
  if (hasMadeLocks) await client.delete("/locks").catch(() => {});
  rmSync(folder, { recursive: true, force: true });
}
