// What every log keeps, whatever it is kept in.

import { afterEach, describe, expect, test } from "vitest";
import {
  type CommitLog,
  type LogEntry,
  type LogState,
  NotAppendedError,
} from "../../src/store/commit-log.ts";
import type { Home, OpenLog } from "./log-homes.ts";

const cleanups: (() => void | Promise<void>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

export function placeOf<Kind extends Home>(home: () => Kind): Kind {
  const place = home();
  cleanups.push(() => place.remove());
  return place;
}

export async function open(place: Home): Promise<OpenLog> {
  const opened = await place.open();
  cleanups.push(() => opened.close());
  return opened;
}

async function openLog(home: () => Home): Promise<CommitLog> {
  return (await open(placeOf(home))).log;
}

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function texts(entries: readonly LogEntry[]): string[] {
  return entries.map(({ lsn, seq, body }) => `${lsn}:${seq}:${new TextDecoder().decode(body)}`);
}

/** Resolves with everything told up to the given position. */
function entriesUpTo(log: CommitLog, after: number, last: number): Promise<LogEntry[]> {
  const { promise, resolve } = Promise.withResolvers<LogEntry[]>();
  const told: LogEntry[] = [];
  log.follow(after, (entries) => {
    told.push(...entries);
    if (told.at(-1)?.lsn === last) resolve(told);
  });
  return promise;
}

/** The entries told from now on. */
export function listen(log: CommitLog, after = 0): LogEntry[] {
  const told: LogEntry[] = [];
  log.follow(after, (entries) => {
    told.push(...entries);
  });
  return told;
}

export function lsnsOf(entries: readonly LogEntry[]): number[] {
  return entries.map(({ lsn }) => lsn);
}

function upTo(last: number): number[] {
  return Array.from({ length: last }, (_, index) => index + 1);
}

export function describeLog(kind: string, home: () => Home): void {
  describe(`the ${kind} log`, () => {
    test("gives every follower the same entries, dense and in order [Z1]", async () => {
      const log = await openLog(home);
      const first = entriesUpTo(log, 0, 50);
      const second = entriesUpTo(log, 0, 50);
      const lsns = await Promise.all(
        Array.from({ length: 50 }, (_, i) => log.append(i + 1, bytes(`e${i + 1}`))),
      );
      expect(lsns).toEqual(Array.from({ length: 50 }, (_, i) => i + 1));
      expect(texts(await first)).toEqual(lsns.map((lsn) => `${lsn}:${lsn}:e${lsn}`));
      expect(await second).toEqual(await first);
    });

    test("hands over nothing more while what it handed over is worked off, and then the rest [G4]", async () => {
      const log = await openLog(home);
      const handed: number[][] = [];
      const gates: PromiseWithResolvers<void>[] = [];
      let onHanded = Promise.withResolvers<void>();
      log.follow(0, (entries) => {
        handed.push(lsnsOf(entries));
        const gate = Promise.withResolvers<void>();
        gates.push(gate);
        onHanded.resolve();
        onHanded = Promise.withResolvers<void>();
        return gate.promise;
      });
      const begun = onHanded.promise;
      await log.append(1, bytes("x"));
      await begun;
      for (let seq = 2; seq <= 300; seq += 1) await log.append(seq, bytes("x"));
      expect(handed).toEqual([[1]]);
      while (handed.flat().length < 300) {
        const next = onHanded.promise;
        gates.at(-1)?.resolve();
        await next;
      }
      expect(handed.flat()).toEqual(upTo(300));
      expect(Math.max(...handed.map(({ length }) => length))).toBeLessThan(300);
    });

    test("a follower that stands still holds up no other, and no append", async () => {
      const log = await openLog(home);
      log.follow(0, () => new Promise(() => {}));
      const told = listen(log);
      for (let seq = 1; seq <= 100; seq += 1) await log.append(seq, bytes("x"));
      await entriesUpTo(log, 0, 100);
      await expect.poll(() => lsnsOf(told)).toEqual(upTo(100));
    });

    test("says what it is: of which cluster, and that of a restart's too", async () => {
      const place = placeOf(home);
      const first = await open(place);
      await first.log.append(1, bytes("x"));
      await first.close();
      const { log } = await open(place);
      expect(log.info).toEqual(first.log.info);
      expect(log.info.clusterId).not.toBe("");
    });

    test("can be followed from any position", async () => {
      const log = await openLog(home);
      for (let seq = 1; seq <= 200; seq += 1) await log.append(seq, bytes(`e${seq}`));
      for (const after of [0, 1, 63, 64, 65, 199]) {
        const entries = await entriesUpTo(log, after, 200);
        expect(entries.map((entry) => entry.lsn)).toEqual(
          Array.from({ length: 200 - after }, (_, i) => after + 1 + i),
        );
      }
      const next = entriesUpTo(log, 200, 201);
      await log.append(201, bytes("e201"));
      expect(texts(await next)).toEqual(["201:201:e201"]);
    });

    test("copies what it is given before append returns", async () => {
      const log = await openLog(home);
      const told = entriesUpTo(log, 0, 1);
      const pool = bytes("--here--");
      const view = pool.subarray(2, 6);
      const appended = log.append(1, view);
      pool.fill(0);
      await appended;
      expect(texts(await told)).toEqual(["1:1:here"]);
    });

    test("holds an entry once when its append is repeated", async () => {
      const log = await openLog(home);
      const told = listen(log);
      const [first, meanwhile] = await Promise.all([log.append(1, bytes("x")), log.append(1, bytes("x"))]);
      const later = await log.append(1, bytes("x"));
      expect([first, meanwhile, later, await log.append(2, bytes("y"))]).toEqual([1, 1, 1, 2]);
      await expect.poll(() => told.map(({ seq }) => seq)).toEqual([1, 2]);
    });

    test("has what it acknowledged after a restart, under another writer's name [G4]", async () => {
      const place = placeOf(home);
      const { log, close } = await open(place);
      for (let seq = 1; seq <= 3; seq += 1) await log.append(seq, bytes(`old${seq}`));
      await close();
      const { log: restarted } = await open(place);
      expect(await restarted.tail()).toBe(3);
      const entries = entriesUpTo(restarted, 0, 4);
      expect(await restarted.append(1, bytes("new1"))).toBe(4);
      expect(texts(await entries)).toEqual(["1:1:old1", "2:2:old2", "3:3:old3", "4:1:new1"]);
      expect(new Set((await entries).map((entry) => entry.writer))).toEqual(
        new Set([log.writer, restarted.writer]),
      );
    });

    test("goes on counting after everything that is covered was trimmed, and after a restart", async () => {
      const place = placeOf(home);
      const { log, reflect, covering, close } = await open(place);
      for (let seq = 1; seq <= 5; seq += 1) await log.append(seq, bytes("x"));
      await reflect(5);
      expect(await log.append(6, bytes("y"))).toBe(6);
      await log.trim(5, covering());
      await expect.poll(() => log.usage()).toEqual({ entries: 1, bytes: 1 });
      await close();
      const { log: restarted } = await open(place);
      expect(await restarted.tail()).toBe(6);
      expect(texts(await entriesUpTo(restarted, 5, 6))).toEqual(["6:6:y"]);
    });

    test("keeps every entry that nothing durable covers, whoever asks for it to go", async () => {
      const { log, reflect, covering } = await open(placeOf(home));
      for (let seq = 1; seq <= 5; seq += 1) await log.append(seq, bytes("x"));
      await expect(log.trim(1, covering())).rejects.toThrow("Entries up to 1 may not go");
      await reflect(3);
      await log.append(6, bytes("x"));
      await expect(log.trim(4, covering())).rejects.toThrow("what covers them ends at 3");
      expect(await log.usage()).toEqual({ entries: 6, bytes: 6 });
      expect(lsnsOf(await entriesUpTo(log, 0, 6))).toEqual(upTo(6));
      expect(await log.append(7, bytes("x"))).toBe(7);
    });

    test("fails rather than skip entries that are gone", async () => {
      const { log, reflect, covering } = await open(placeOf(home));
      for (let seq = 1; seq <= 5; seq += 1) await log.append(seq, bytes("x"));
      await reflect(3);
      await log.append(6, bytes("x"));
      await log.trim(3, covering());
      await expect.poll(() => log.usage()).toEqual({ entries: 3, bytes: 3 });
      const { promise, resolve } = Promise.withResolvers<LogState>();
      log.onState(resolve);
      const told = listen(log, 1);
      expect(await promise).toMatchObject({ state: "failed", cause: expect.stringContaining("missing") });
      expect(told).toEqual([]);
      await expect(log.append(7, bytes("x"))).rejects.toBeInstanceOf(NotAppendedError);
    });

    test("has a tail not before any append that completed", async () => {
      const log = await openLog(home);
      const checks = Array.from({ length: 20 }, async (_, i) => {
        const lsn = await log.append(i + 1, bytes("x"));
        return (await log.tail()) >= lsn;
      });
      expect(await Promise.all(checks)).not.toContain(false);
    });

    test("refuses an entry that is too large, and goes on", async () => {
      const log = await openLog(home);
      const tooLarge = new Uint8Array(log.info.entryBytesMax + 1);
      await expect(log.append(1, tooLarge)).rejects.toBeInstanceOf(NotAppendedError);
      expect(await log.append(1, tooLarge.subarray(1))).toBe(1);
    });

    test("hands over an entry of any size whole, between small ones", async () => {
      const log = await openLog(home);
      const { entryBytesMax } = log.info;
      const told = entriesUpTo(log, 0, 5);
      const sizes = [1, 1_048_576, 1_048_577, entryBytesMax, 2];
      for (const [index, size] of sizes.entries())
        expect(await log.append(index + 1, new Uint8Array(size).fill(index + 1))).toBe(index + 1);
      const late = await entriesUpTo(log, 0, 5);
      for (const entries of [await told, late]) {
        expect(entries.map(({ body }) => body.byteLength)).toEqual(sizes);
        expect(entries.every(({ seq, body }) => body.every((byte) => byte === seq))).toBe(true);
      }
    });

    test("lets appends under way finish when it is closed, and takes no more", async () => {
      const log = await openLog(home);
      const underWay = [log.append(1, bytes("x")), log.append(2, bytes("y"))];
      const closing = log.close();
      expect(await Promise.all(underWay)).toEqual([1, 2]);
      await closing;
      await expect(log.append(3, bytes("z"))).rejects.toBeInstanceOf(NotAppendedError);
    });
  });
}
