// A store whose file has about 100 MB, with its history; others who read and write; backups one after the other: round after
// round without them and with them.

import { request } from "node:http";
import { setTimeout as wait } from "node:timers/promises";
import { CommandProcess } from "../support/command-process.ts";
import { send } from "../support/send.ts";
import { startService } from "../support/server-process.ts";
import { type Spread, spreadOf, tailOf } from "../support/statistics.ts";
import { withTemporaryFolder } from "../support/temporary-folder.ts";
import { type OtherCommands, type OtherKind, otherKinds, type Waited } from "./others.ts";

export interface BackupPace {
  readonly rounds: number;
  readonly seconds: number;
  readonly mebibytes: number;
}

export interface Waits {
  readonly aloneP50Ms: Spread;
  readonly aloneP99Ms: Spread;
  readonly besideP50Ms: Spread;
  readonly besideP99Ms: Spread;
  /** p99 beside backups by that without, round by round. */
  readonly ratio: Spread;
}

export interface BackupResults {
  readonly bytes: number;
  /** From the request to its last byte. */
  readonly backupMs: Spread;
  readonly backups: number;
  readonly others: Readonly<Record<OtherKind, Waits>>;
}

const znodeBytes = 10_000;
const operationsPerTransaction = 50;
/** In that time what was made before is in the file, and the disk is quiet. */
const settleMs = 3000;

export function measureBackups(directory: string, pace: BackupPace): Promise<BackupResults> {
  return withTemporaryFolder(directory, async (folder) => {
    const service = await startService(folder);
    const others = new CommandProcess<OtherCommands>(new URL("./others.ts", import.meta.url));
    try {
      await fill(service.baseUrl, pace.mebibytes);
      await wait(settleMs);
      await others.call("begin", `${service.baseUrl}/v1/znodes/filled/n0`);
      return await playRounds(service.baseUrl, others, pace);
    } finally {
      await others.end();
      await service.stop();
    }
  });
}

async function fill(baseUrl: string, mebibytes: number): Promise<void> {
  await send(`${baseUrl}/v1/znodes/filled`, { method: "POST" });
  const count = Math.ceil((mebibytes * 2 ** 20) / znodeBytes);
  for (let first = 0; first < count; first += operationsPerTransaction) {
    const operations = Array.from(
      { length: Math.min(operationsPerTransaction, count - first) },
      (_, index) => ({
        ...{ op: "create", path: `/filled/n${first + index}` },
        data: Math.random().toString(36).padEnd(znodeBytes, "0123456789"),
      }),
    );
    await send(`${baseUrl}/v1/transactions`, { method: "POST", body: JSON.stringify({ operations }) });
  }
}

async function playRounds(
  baseUrl: string,
  others: CommandProcess<OtherCommands>,
  { rounds, seconds }: BackupPace,
): Promise<BackupResults> {
  const played: { readonly alone: Waited; readonly beside: Waited }[] = [];
  const backups: Taken[] = [];
  for (let round = 0; round < rounds; round += 1) {
    await others.call("take");
    await wait(seconds * 1000);
    const alone = await others.call("take");
    for (const endMs = performance.now() + seconds * 1000; performance.now() < endMs; )
      backups.push(await take(baseUrl));
    played.push({ alone, beside: await others.call("take") });
    await wait(settleMs);
  }
  const waitsOf = (kind: OtherKind): Waits => {
    const alone = played.map((round) => tailOf(round.alone[kind]));
    const beside = played.map((round) => tailOf(round.beside[kind]));
    return {
      aloneP50Ms: spreadOf(alone.map(({ p50Ms }) => p50Ms)),
      aloneP99Ms: spreadOf(alone.map(({ p99Ms }) => p99Ms)),
      besideP50Ms: spreadOf(beside.map(({ p50Ms }) => p50Ms)),
      besideP99Ms: spreadOf(beside.map(({ p99Ms }) => p99Ms)),
      ratio: spreadOf(beside.map(({ p99Ms }, index) => p99Ms / (alone[index]?.p99Ms as number))),
    };
  };
  return {
    bytes: backups[0]?.bytes ?? 0,
    backupMs: spreadOf(backups.map(({ ms }) => ms)),
    backups: backups.length,
    others: { GET: waitsOf("GET"), PUT: waitsOf("PUT") },
  };
}

interface Taken {
  readonly bytes: number;
  readonly ms: number;
}

function take(baseUrl: string): Promise<Taken> {
  const startedMs = performance.now();
  return new Promise((resolve, reject) => {
    const asked = request(`${baseUrl}/v1/admin/backup`, (answer) => {
      let bytes = 0;
      if (answer.statusCode !== 200) reject(new Error(`A backup was answered with ${answer.statusCode}.`));
      answer.on("data", (piece: Buffer) => {
        bytes += piece.byteLength;
      });
      answer.once("error", reject);
      answer.once("end", () => resolve({ bytes, ms: performance.now() - startedMs }));
    });
    asked.once("error", reject);
    asked.end();
  });
}

export function kindsOf(results: BackupResults): readonly (readonly [OtherKind, Waits])[] {
  return otherKinds.map((kind) => [kind, results.others[kind]] as const);
}
