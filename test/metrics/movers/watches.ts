// What moves the metrics of streams and of the history they are told from.

import { requestOf } from "../../watches/fixture.ts";
import { RecordingSink } from "../../watches/recording-sink.ts";
import { changes, type Movers, moves, shows } from "../mover.ts";
import type { World } from "../world.ts";

let created = 0;

async function write({ keeper }: World, count = 1): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    created += 1;
    await keeper.create(`/told-${created}`);
  }
}

/** A stream of all there is, and what ends it. */
function open({ watches }: World, sink = new RecordingSink()): () => void {
  const stream = watches.open(requestOf({ paths: ["/"], scope: "subtree" }), sink);
  return () => stream.end("over");
}

/** One whose reader takes nothing, and which is left behind. */
async function fallBehind(world: World): Promise<() => void> {
  const sink = new RecordingSink();
  const end = open(world, sink);
  sink.hold();
  // No more is handed to it than it may have waiting, and then it is no longer told.
  await write(world, 1);
  sink.bufferedBytes = 1_000_000;
  await write(world, 4);
  return end;
}

async function watch({ http }: World): Promise<() => void> {
  const stream = await http.stream("/v1/watch?path=/");
  return () => stream.close();
}

async function watchHolders({ http }: World): Promise<() => void> {
  const stream = await http.stream("/v1/elections/a/events");
  return () => stream.close();
}

async function resumeTooLate(world: World): Promise<void> {
  await write(world, 5);
  world.watches.open(requestOf({ start: { kind: "after", zxid: 1 } }), new RecordingSink());
}

async function resumeElsewhere(world: World): Promise<void> {
  world.watches.open(requestOf({ start: { kind: "unknown" } }), new RecordingSink());
}

const shortHistory = { options: { settings: { messagesMax: 3 } }, shared: "short history" };

export const watchMovers: Movers = {
  treekeeper_streams: [
    moves(1, watch, { label: 'kind="changes"' }),
    moves(1, watchHolders, { label: 'kind="latest"' }),
  ],
  treekeeper_streams_max: shows(({ streamsMax }) => streamsMax),
  treekeeper_streams_opened_total: moves(1, watch),
  treekeeper_streams_behind: moves(1, fallBehind),
  treekeeper_stream_fallbacks_total: moves(1, fallBehind),
  treekeeper_stream_lag_transactions: moves(4, fallBehind),
  treekeeper_stream_buffered_bytes: changes(fallBehind),
  treekeeper_stream_frames_total: moves(2, async (world) => {
    const end = open(world);
    await write(world);
    return end;
  }),
  treekeeper_stream_frame_bytes_total: changes(async (world) => open(world)),
  treekeeper_stream_resets_total: [
    moves(1, resumeTooLate, { label: 'reason="history_trimmed"', ...shortHistory }),
    moves(1, resumeElsewhere, { label: 'reason="unknown_zxid"' }),
  ],
  treekeeper_audiences: moves(1, async (world) => open(world)),
  treekeeper_history_messages: moves(2, async (world) => await write(world, 2)),
  treekeeper_history_messages_max: shows(({ messagesMax }) => messagesMax),
  treekeeper_history_bytes: changes(write),
  treekeeper_history_bytes_max: shows(({ bytesMax }) => bytesMax),
  treekeeper_history_floor_zxid: changes(async (world) => await write(world, 5), shortHistory),
};
