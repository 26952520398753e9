// What a channel tells somebody, in two worlds that differ only in what that one may not read.

import type { Rule } from "../../src/core/access/policy.ts";
import type { Channel } from "./channels.ts";
import { type Told, TwoStreams, TwoWorlds } from "./worlds.ts";

/** All that the caller is told by what the channel has it ask, in either world. */
export async function toldBy(
  channel: Channel,
  rules: readonly Rule[],
): Promise<readonly (readonly [Told, Told])[]> {
  const { differ, asks = [], streams = [], waits = [], meanwhile: [inA, inB] = [null, null] } = channel;
  const worlds = await TwoWorlds.open(rules);
  const told: (readonly [Told, Told])[] = [];
  const named = (what: string, [a, b]: readonly [Told, Told]) =>
    told.push([`${what}\n${a}`, `${what}\n${b}`]);
  try {
    await differ(worlds);
    for (const asked of asks) named(`${asked.method} ${asked.url}`, await worlds.ask(asked));
    for (const asked of waits)
      named(`${asked.method} ${asked.url}`, await worlds.askMeanwhile(asked, inA, inB));
    const open: TwoStreams[] = [];
    for (const asked of streams) open.push(await TwoStreams.open(worlds, asked));
    if (streams.length > 0) await worlds.differ(inA, inB);
    await worlds.close();
    for (const [index, stream] of open.entries()) named(`${streams[index]?.url}`, await stream.told());
    return told;
  } finally {
    await worlds.close();
  }
}
