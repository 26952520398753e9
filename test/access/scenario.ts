// One caller in two random worlds: asks, waits and listens while others go on, and is told the same in both.

import fc from "fast-check";
import { requestArbitrary, streamArbitrary, waitArbitrary } from "./random-requests.ts";
import {
  build,
  type Change,
  changeArbitrary,
  deedsOf,
  knowledgeOf,
  type Worlds,
  worldsArbitrary,
} from "./random-worlds.ts";
import { type Asked, type Told, TwoStreams, TwoWorlds } from "./worlds.ts";

interface Step {
  readonly asked: Asked;
  /** Whether the answer is waited for while the change happens. */
  readonly waits: boolean;
  readonly change: Change | null;
}

export interface Scenario {
  readonly worlds: Worlds;
  readonly streams: readonly Asked[];
  readonly steps: readonly Step[];
}

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      asked: requestArbitrary,
      waits: fc.constant(false),
      change: fc.option(changeArbitrary, { freq: 2 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      asked: waitArbitrary,
      waits: fc.constant(true),
      change: fc.option(changeArbitrary),
    }),
  },
);

export const scenarioArbitrary: fc.Arbitrary<Scenario> = fc.record({
  worlds: worldsArbitrary,
  streams: fc.array(streamArbitrary, { minLength: 1, maxLength: 3 }),
  steps: fc.array(step, { minLength: 60, maxLength: 120 }),
});

/** What was told in one world and not in the other. */
export class LeakError extends Error {
  constructor({ method, url, body }: Asked, [a, b]: readonly [Told, Told]) {
    super(
      `${method} ${url} ${body === undefined ? "" : JSON.stringify(body)}\n--- in one world\n${a}\n--- in the other\n${b}`,
    );
  }
}

/** @throws LeakError */
export async function play({ worlds: drawn, streams, steps }: Scenario): Promise<void> {
  const worlds = await TwoWorlds.open(drawn.rules);
  try {
    await build(worlds, drawn);
    await worlds.ask({ method: "POST", url: "/v1/sessions", body: { timeoutMs: 3_600_000, name: "mine" } });
    const open: TwoStreams[] = [];
    for (const asked of streams) open.push(await TwoStreams.open(worlds, asked));
    for (const each of steps) await take(worlds, each, drawn);
    await worlds.close();
    for (const [index, stream] of open.entries()) mustBeEqual(streams[index] as Asked, await stream.told());
  } finally {
    await worlds.close();
  }
}

async function take(worlds: TwoWorlds, { asked, waits, change }: Step, drawn: Worlds): Promise<void> {
  const [inA, inB] = change === null ? [null, null] : deedsOf(knowledgeOf(drawn), change);
  if (waits) {
    mustBeEqual(asked, await worlds.askMeanwhile(asked, inA, inB));
    return;
  }
  mustBeEqual(asked, await worlds.ask(asked));
  await worlds.differ(inA, inB);
}

function mustBeEqual(asked: Asked, told: readonly [Told, Told]): void {
  if (told[0] !== told[1]) throw new LeakError(asked, told);
}
