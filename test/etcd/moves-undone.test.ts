// A move that is broken off and taken back, or done again into the wrong place: whatever of it is still on its way to etcd,
// and whoever else has a hand in it, there are never two logs that could be served, and never none for good.

import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { Code, ConnectError } from "@connectrpc/connect";
import { afterAll, expect, test } from "vitest";
import { restoreInPlace } from "../../src/offline/restore.ts";
import { EtcdClient } from "../../src/store/etcd/etcd-client.ts";
import { openSqlite } from "../../src/store/sqlite/open-sqlite.ts";
import { smallBallast } from "../store/sqlite-fixture.ts";
import { Etcd } from "./etcd-process.ts";
import {
  EndingAtStep,
  killedAtEachStep,
  LateClient,
  type Move,
  newMove,
  servesAlone,
  servesEtcd,
} from "./one-move.ts";
import { openServer } from "./sharing-server.ts";
import { KilledError, WatchedClient } from "./watched-client.ts";

const etcd = await Etcd.start(1);
afterAll(() => etcd.stop());
const client = new EtcdClient({ endpoints: etcd.endpoints });

async function whereOf(move: Move, directory: string): Promise<boolean[]> {
  return [servesAlone(directory), await servesEtcd(move)];
}

async function stateOf({ moves }: Move): Promise<string | undefined> {
  return (await moves.look())?.format.move?.state;
}

/** Broken off as etcd is told that the log is there. */
async function brokenOffInto(move: Move): Promise<LateClient> {
  const late = new LateClient(client, undefined);
  await expect(move.into(move.source, late)).rejects.toThrow(KilledError);
  expect(await whereOf(move, move.source)).toEqual([false, false]);
  return late;
}

/** Broken off as etcd is told of a state of it. */
async function brokenOffOutOf(move: Move, state: "going" | "gone"): Promise<LateClient> {
  const late = new LateClient(client, state);
  await expect(move.out(move.back, late)).rejects.toThrow(KilledError);
  expect(existsSync(join(move.back, "incoming", "move"))).toBe(true);
  return late;
}

test("out of etcd into another directory of the same cluster nothing goes, however far the move is", async () => {
  const move = await newMove(client);
  const restored = `${move.source}-restored`;
  cpSync(move.source, restored, { recursive: true });
  await move.into(move.source);
  const server = await openServer(move.place);
  await server.create("/d");
  await server.close();
  await brokenOffOutOf(move, "gone");
  const others = [restored, move.source, server.directory];
  for (const other of others) {
    await expect(move.out(other)).rejects.toThrow(`is on its way to ${hostname()}:${move.back}`);
    await expect(move.undoOut(other)).rejects.toThrow("is on its way to");
    expect(await stateOf(move)).toBe("going");
  }
  expect(await move.out(move.back)).toMatchObject({ position: 4 });
  for (const other of others) {
    await expect(move.out(other)).rejects.toThrow("has it not");
    await expect(move.undoOut(other)).rejects.toThrow("has it not");
  }
  // The one that has it has it still after a start, and no more once it was put back.
  await (await openSqlite(move.back, smallBallast)).close();
  expect(await move.out(move.back)).toMatchObject({ position: 4 });
  await expect(move.undoOut(move.back)).rejects.toThrow("already");
  restoreInPlace({ dataDir: move.back });
  await expect(move.out(move.back)).rejects.toThrow("has it not");
});

test("what is gone and not in its place yet is not taken back, and is finished by doing it again", async () => {
  for (const isLost of [false, true]) {
    const move = await newMove(client);
    await move.into(move.source);
    const killed = new WatchedClient(client);
    killed.onTxn = (txn, answer) => {
      if (JSON.stringify(txn, asText).includes('\\"gone\\"')) throw new KilledError("killed");
      return answer;
    };
    await expect(move.out(move.back, killed)).rejects.toThrow(KilledError);
    expect([await stateOf(move), servesAlone(move.back)]).toEqual(["gone", false]);
    await expect(openSqlite(move.back, smallBallast)).rejects.toThrow("is not all there");
    await expect(move.undoOut(move.back)).rejects.toThrow("but for the last step");
    if (isLost) rmSync(join(move.back, "incoming", "data"), { recursive: true });
    expect(await move.out(move.back)).toMatchObject({ position: 3 });
    expect(await whereOf(move, move.back)).toEqual([true, false]);
  }
});

function asText(_: string, value: unknown): unknown {
  if (typeof value === "bigint") return String(value);
  return value instanceof Uint8Array ? Buffer.from(value).toString() : value;
}

test("a move into etcd whose last step arrives while it is taken back is there, or never will be", async () => {
  const seen = new Set<string>();
  let isOver = false;
  for (let at = 1; !isOver; at += 1) {
    const move = await newMove(client);
    const late = await brokenOffInto(move);
    const undoing = new WatchedClient(client);
    let had: boolean | null = null;
    undoing.beforeCall = async () => {
      if (undoing.calls === at) had = await late.arrive();
    };
    await move.undoInto(move.source, undoing).catch(() => {});
    isOver = had === null;
    had ??= await late.arrive();
    const where = await whereOf(move, move.source);
    expect(where).toEqual(had ? [false, true] : [true, false]);
    seen.add(where.join(" "));
  }
  expect(seen).toEqual(new Set(["false true", "true false"]));
});

test("taking back a move into etcd, killed at each step and done again, leaves the log in the directory", async () => {
  const move = await newMove(client);
  const late = await brokenOffInto(move);
  const look = async () => expect(await whereOf(move, move.source)).not.toEqual([true, true]);
  let isBack = false;
  await killedAtEachStep(
    client,
    async (ending) => {
      // Where only the last answer was lost there is nothing to take back any more.
      isBack = (await move.moves.look()) === null;
      if (!isBack) await move.undoInto(move.source, ending);
    },
    look,
  );
  expect(isBack).toBe(true);
  expect(await late.arrive()).toBe(false);
  expect([await whereOf(move, move.source), await move.moves.keyCount()]).toEqual([[true, false], 0]);
});

test("a move into etcd that ends while somebody takes it back has its way, or is refused", async () => {
  const move = await newMove(client);
  await brokenOffInto(move);
  const undoing = new (class extends WatchedClient {
    override async range(...args: Parameters<EtcdClient["range"]>) {
      const answer = await super.range(...args);
      if (this.calls === 1) await expect(move.into(move.source)).rejects.toThrow("in use by another process");
      return answer;
    }
  })(client);
  await move.undoInto(move.source, undoing);
  expect(await whereOf(move, move.source)).toEqual([true, false]);
});

test("to take back what never came to another place leaves the directory with the log that it has", async () => {
  const [move, first] = [await newMove(client), await newMove(client)];
  const early = new EndingAtStep(4, client);
  await expect(first.into(move.source, early)).rejects.toThrow(KilledError);
  expect(await stateOf(first)).toBe("coming");
  await move.into(move.source);
  await first.undoInto(move.source);
  expect(await first.moves.keyCount()).toBe(0);
  expect(await whereOf(move, move.source)).toEqual([false, true]);
});

test("a move out of etcd that etcd hears of late is taken back, or finished", async () => {
  const undone = await newMove(client);
  await undone.into(undone.source);
  const late = await brokenOffOutOf(undone, "going");
  await undone.undoOut(undone.back);
  expect(await late.arrive()).toBe(false);
  expect(await servesEtcd(undone)).toBe(true);
  await expect(undone.undoOut(undone.back)).rejects.toThrow("Nothing was done");

  const repeated = await newMove(client);
  await repeated.into(repeated.source);
  const first = await brokenOffOutOf(repeated, "going");
  const again = new WatchedClient(client);
  again.beforeTxn = async () => {
    again.beforeTxn = () => {};
    expect(await first.arrive()).toBe(true);
  };
  expect(await repeated.out(repeated.back, again)).toMatchObject({ position: 3 });
  expect(await whereOf(repeated, repeated.back)).toEqual([true, false]);
});

test("a directory into which one log is on its way is not begun for another, nor taken back for it", async () => {
  const [one, other] = [await newMove(client), await newMove(client)];
  await one.into(one.source);
  await other.into(other.source);
  await brokenOffOutOf(one, "gone");
  await expect(other.out(one.back)).rejects.toThrow("is of another log");
  await expect(other.undoOut(one.back)).rejects.toThrow("Nothing was done");
  expect([await servesEtcd(other), await stateOf(one)]).toEqual([true, "going"]);
  expect(await one.out(one.back)).toMatchObject({ position: 3 });
});

test("a name that was broken off as it was written is given anew", async () => {
  const move = await newMove(client);
  await move.into(move.source);
  await brokenOffOutOf(move, "going");
  const file = join(move.back, "incoming", "move");
  writeFileSync(file, readFileSync(file, "utf8").slice(0, 20));
  expect(await move.out(move.back)).toMatchObject({ position: 3 });
});

test("where the directory is lost that a log is on its way to, it is taken back without it", async () => {
  const move = await newMove(client);
  await move.into(move.source);
  await expect(move.abandon(move.back)).rejects.toThrow("Nothing was done");
  await brokenOffOutOf(move, "gone");
  rmSync(move.back, { recursive: true });
  await expect(move.undoOut(move.back)).rejects.toThrow("--undo --abandoned");
  rmSync(move.back, { recursive: true });
  await expect(move.abandon(`${move.back}-other`)).rejects.toThrow("is on its way to");
  await move.abandon(move.back);
  expect(await servesEtcd(move)).toBe(true);
  expect(existsSync(move.back)).toBe(false);
  await move.out(`${move.back}-other`);
  await expect(move.abandon(`${move.back}-other`)).rejects.toThrow("was moved to");
});

test("who makes a directory that was given up elsewhere does not bring it into its place", async () => {
  const move = await newMove(client);
  await move.into(move.source);
  const late = new LateClient(client, "gone");
  const making = new WatchedClient(client);
  making.beforeTxn = async (txn) => {
    await late.txn(txn).catch(() => move.abandon(move.back));
  };
  await expect(move.out(move.back, making)).rejects.toThrow("somebody else moves a log");
  expect(await whereOf(move, move.back)).toEqual([false, true]);
});

test("a log that has left etcd is not reported as moved there, nor can that be taken back", async () => {
  const move = await newMove(client);
  await move.into(move.source);
  await brokenOffOutOf(move, "gone");
  await expect(move.into(move.source)).rejects.toThrow(`the log is on its way to ${hostname()}:${move.back}`);
  await move.out(move.back);
  const gone = `the log was moved to ${hostname()}:${move.back}`;
  await expect(move.into(move.source)).rejects.toThrow(gone);
  await expect(move.undoInto(move.source)).rejects.toThrow(gone);
});

test("what comes into etcd says from which machine", async () => {
  const move = await newMove(client);
  await brokenOffInto(move);
  expect((await move.moves.look())?.format.move?.place).toBe(`${hostname()}:${move.source}`);
});

test("etcd without room in the middle of it has nothing of it, and the log stays where it was", async () => {
  const noRoom = new ConnectError("etcdserver: mvcc: database space exceeded", Code.ResourceExhausted);
  for (const fullAt of ["the first piece of the file", "the last step"]) {
    const move = await newMove(client);
    const filling = new WatchedClient(client);
    let isFull = false;
    filling.beforeTxn = ({ success }) => {
      const puts = success.flatMap((step) => ("put" in step ? [Buffer.from(step.put.key).toString()] : []));
      const isThen =
        fullAt === "the last step" ? puts.length > 1 : puts.some((name) => !name.endsWith("/fmt"));
      isFull ||= isThen;
      if (isFull && puts.length > 0) throw noRoom;
    };
    await expect(move.into(move.source, filling)).rejects.toThrow("What was put there is removed");
    expect([await whereOf(move, move.source), await move.moves.keyCount()]).toEqual([[true, false], 0]);
    // Taken back it needs no room either.
    const late = await brokenOffInto(move);
    await move.undoInto(move.source, filling);
    expect(await late.arrive()).toBe(false);
    expect([await whereOf(move, move.source), await move.moves.keyCount()]).toEqual([[true, false], 0]);
    await move.into(move.source);
  }
});
