import { expect, test } from "vitest";
import { Backoff, reconnectMsMax } from "../../src/client/calls/backoff.ts";

function delays(backoff: Backoff, count: number): number[] {
  return Array.from({ length: count }, () => backoff.nextDelayMs(0));
}

test("the first wait is the server's, spread from half to one and a half of it", () => {
  for (const [chance, expected] of [
    [0, 1000],
    [0.5, 2000],
    [0.999, 2998],
  ] as const) {
    const backoff = new Backoff(() => chance);
    backoff.serverAsked(2000);
    expect(backoff.nextDelayMs(0)).toBe(expected);
  }
});

test("waits double while the server is away, up to a bound, and chance takes any part of them", () => {
  expect(delays(new Backoff(() => 0.999_999), 8).map(Math.round)).toEqual([
    ...[1500, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000],
  ]);
  expect(delays(new Backoff(() => 0), 4)).toEqual([500, 0, 0, 0]);
});

test("others are each asked within a second, whatever the server asked for, and then it is waited as for one", () => {
  const backoff = new Backoff(() => 0.999_999, { others: 2 });
  backoff.serverAsked(3000);
  expect(delays(backoff, 5).map(Math.round)).toEqual([1000, 1000, 4500, 6000, 12_000]);
  backoff.succeeded();
  expect(delays(backoff, 1).map(Math.round)).toEqual([1000]);
});

test("a connection that worked begins the waits anew", () => {
  const backoff = new Backoff(() => 0.5);
  delays(backoff, 10);
  backoff.succeeded();
  expect(backoff.nextDelayMs(0)).toBe(1000);
});

test("nothing a server asks for keeps a client away for long", () => {
  const backoff = new Backoff(() => 0.5);
  backoff.serverAsked(Number.MAX_VALUE);
  expect(backoff.nextDelayMs(Number.MAX_VALUE)).toBe(2 * reconnectMsMax);
});

test("a wait that was asked for is waited in full, and the spread comes on top", () => {
  expect(new Backoff(() => 0).nextDelayMs(5000)).toBe(5500);
});
