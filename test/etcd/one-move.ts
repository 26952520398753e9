// A log that moves between a directory and etcd in this process, by ways to etcd that break off where a test wants.

import { cpSync, existsSync, renameSync } from "node:fs";
import { join } from "node:path";
import Sqlite from "better-sqlite3";
import { moveIn, undoMoveIn } from "../../src/offline/move-in.ts";
import { abandonMoveOut, moveOut, undoMoveOut } from "../../src/offline/move-out.ts";
import type { EtcdCalls, Txn } from "../../src/store/etcd/etcd-calls.ts";
import type { EtcdClient } from "../../src/store/etcd/etcd-client.ts";
import { bytesOf, textOf } from "../../src/store/etcd/keys.ts";
import type { Format } from "../../src/store/etcd/log-format.ts";
import { Moves } from "../../src/store/etcd/moves.ts";
import { readLogHome } from "../../src/store/sqlite/log-home.ts";
import { startOn } from "../offline/fixture.ts";
import { plain } from "../support/keeper.ts";
import { newFolder } from "./moving.ts";
import { KilledError, WatchedClient } from "./watched-client.ts";

let places = 0;

/** A directory with something in it, some of it in its log alone, and a place for it in etcd. */
export async function newMove(client: EtcdClient) {
  places += 1;
  const prefix = `/moves-${places}/`;
  const folder = newFolder();
  const dataDir = join(folder, "data");
  const store = await startOn(dataDir);
  for (const path of ["/a", "/b", "/c"])
    await store.submit({ type: "create", path, mode: plain, data: bytesOf(path) });
  cpSync(dataDir, join(folder, "killed"), { recursive: true });
  await store.close();
  renameSync(join(folder, "killed"), join(folder, "source"));
  const hooks = { onProgress: () => {}, onNote: () => {} };
  const name = `etcd://${prefix}`;
  const parts = (calls: EtcdCalls) => ({ name, prefix, client: calls });
  const roomIn = async () => ({ isFull: false, quotaBytes: 0, usedBytes: 0 });
  return {
    ...{
      prefix,
      name,
      moves: new Moves(client, prefix),
      source: join(folder, "source"),
      back: join(folder, "back"),
    },
    place: { client, prefix },
    into(dir: string, calls: EtcdCalls = client) {
      return moveIn({ dataDir: dir, to: parts(calls), version: "1.2.3", roomIn, hooks });
    },
    undoInto: (dir: string, calls: EtcdCalls = client) => undoMoveIn({ dataDir: dir, to: parts(calls) }),
    out(dir: string, calls: EtcdCalls = client) {
      return moveOut({ from: parts(calls), dataDir: dir, hooks });
    },
    undoOut: (dir: string, calls: EtcdCalls = client) => undoMoveOut({ from: parts(calls), dataDir: dir }),
    abandon: (dir: string) => abandonMoveOut({ from: parts(client), dataDir: dir }),
  };
}

export type Move = Awaited<ReturnType<typeof newMove>>;

/** Whether a start would go on from the directory by itself. */
export function servesAlone(dir: string): boolean {
  const file = join(dir, "treekeeper.db");
  if (!existsSync(file)) return false;
  const connection = new Sqlite(file, { readonly: true });
  try {
    return readLogHome(connection, file) === null;
  } finally {
    connection.close();
  }
}

/** Whether there is a log that servers go on with. */
export async function servesEtcd({ moves }: Move): Promise<boolean> {
  const found = await moves.look();
  return found !== null && found.format.move === undefined;
}

/** Whether it writes the key that says where the log is. */
function writesFormat({ success }: Txn): boolean {
  return success.some((step) => "put" in step && textOf(step.put.key).endsWith("/fmt"));
}

/** Ends at a step: before something is looked up, before it is written where the log is, or when that is written. */
export class EndingAtStep extends WatchedClient {
  readonly #step: number;
  #steps = 0;

  constructor(step: number, client: EtcdCalls) {
    super(client);
    this.#step = step;
  }

  override async range(...args: Parameters<EtcdCalls["range"]>) {
    this.#next();
    return await super.range(...args);
  }

  /** Others are those of somebody who follows the log, beside what is done. */
  override async txn(txn: Txn) {
    const isStep = writesFormat(txn) || txn.success.some((step) => "deleteRange" in step);
    if (isStep) this.#next();
    const answer = await super.txn(txn);
    if (isStep) this.#next();
    return answer;
  }

  #next(): void {
    this.#steps += 1;
    if (this.#steps >= this.#step) throw new KilledError("killed");
  }
}

/** Each attempt is killed one step later than the one before. @returns after how many it was done */
export async function killedAtEachStep(
  client: EtcdCalls,
  attempt: (calls: EtcdCalls) => Promise<unknown>,
  look: () => Promise<void>,
) {
  for (let step = 1; ; step += 1) {
    try {
      await attempt(new EndingAtStep(step, client));
      return step;
    } catch (error) {
      if (!(error instanceof KilledError)) throw error;
    }
    await look();
  }
}

/** One whose process ends as it writes that a log is in a state; what it has sent is on its way yet. */
export class LateClient extends WatchedClient {
  readonly #etcd: EtcdCalls;
  readonly #state: string | undefined;
  #late: Txn | null = null;

  /** @param state undefined for that it is served */
  constructor(client: EtcdCalls, state: string | undefined) {
    super(client);
    this.#etcd = client;
    this.#state = state;
  }

  override async txn(txn: Txn) {
    if (this.#stateIn(txn) !== this.#state) return await super.txn(txn);
    this.#late = txn;
    throw new KilledError("killed");
  }

  /** It arrives now. @returns whether it had its way */
  async arrive(): Promise<boolean> {
    if (this.#late === null) throw new Error("it was not sent");
    return (await this.#etcd.txn(this.#late)).succeeded;
  }

  /** Null in a transaction of another kind. */
  #stateIn(txn: Txn): string | undefined | null {
    for (const step of writesFormat(txn) ? txn.success : [])
      if ("put" in step && textOf(step.put.key).endsWith("/fmt"))
        return (JSON.parse(textOf(step.put.value)) as Format).move?.state;
    return null;
  }
}
