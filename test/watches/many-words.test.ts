import { expect } from "vitest";
import { plain } from "../support/keeper.ts";
import { open, test } from "./fixture.ts";
import type { SentEvent } from "./recording-sink.ts";

test("a transaction that is much in the words of many is told to each of them whole, and once", async ({
  keeper,
  watches,
}) => {
  const kinds = [
    ["created"],
    ["created", "changed"],
    ["created", "deleted"],
    ["created", "changed", "deleted"],
  ] as const;
  const streams = ["/", "/many", "/many/deep"].flatMap((path) =>
    kinds.flatMap((types) =>
      [true, false].map((withData) => open(watches, { paths: [path], scope: "subtree", types, withData })),
    ),
  );
  const znodes = Array.from({ length: 9000 }, (_, index) => ({
    ...{ path: `/many/deep/${index}`, data: new Uint8Array(), mode: plain, sequence: null, nextSequence: 0 },
  }));
  await keeper.store.submit({ type: "import", znodes, onConflict: "fail" });
  await keeper.create("/many/deep/after");
  const heard = () => streams.map(({ sink }) => sink.changeZxids);
  const deadline = Date.now() + 60_000;
  while (heard().some((zxids) => zxids.length < 2) && Date.now() < deadline)
    await new Promise((resolve) => setImmediate(resolve));
  expect(new Set(heard().map(String))).toEqual(new Set(["1,2"]));
  for (const { sink } of streams) {
    const first = sink.events.find(({ event }) => event === "change") as SentEvent;
    expect((first.data.events as unknown[]).length).toBeGreaterThanOrEqual(9000);
  }
});
