// Metrics of streams, and of the history that they resume over.

import { counter, gauge, type MetricsSource, type MetricTable } from "./metric.ts";
import type { Sample } from "./metrics-text.ts";

export const watchMetrics: MetricTable = {
  treekeeper_streams: gauge("Streams that are open, by what they tell.", streamsOf, ["kind"]),
  treekeeper_streams_max: gauge(
    "Streams of changes that may be open, --streams-max.",
    ({ stats }) => stats.watches.streamsMax,
  ),
  treekeeper_streams_opened_total: counter(
    "Streams of changes that were opened, long polls included.",
    ({ stats }) => stats.watches.openedTotal,
  ),
  treekeeper_streams_behind: gauge(
    "Streams of changes that are not told live: they are sent a snapshot, or read on from the history.",
    ({ stats }) => stats.watches.streamsBehind,
  ),
  treekeeper_stream_fallbacks_total: counter(
    "How often a stream ceased to be told live, since its client did not take what it was sent.",
    ({ stats }) => stats.watches.fellBehindTotal,
  ),
  treekeeper_stream_lag_transactions: gauge(
    "Transactions that the last of the streams is behind.",
    ({ stats }) => stats.watches.lagZxidsMax,
  ),
  treekeeper_stream_buffered_bytes: gauge(
    "Bytes handed to connections of streams that their clients have not taken.",
    ({ stats }) => stats.watches.bufferedBytes,
  ),
  treekeeper_stream_frames_total: counter(
    "Frames sent on streams of changes: changes, bookmarks, ends of snapshots.",
    ({ stats }) => stats.watches.framesTotal,
  ),
  treekeeper_stream_frame_bytes_total: counter(
    "Bytes of frames sent on streams of changes.",
    ({ stats }) => stats.watches.frameBytesTotal,
  ),
  treekeeper_stream_resets_total: counter(
    "Streams that were told to begin anew.",
    ({ stats }) => [
      { labels: { reason: "history_trimmed" }, value: stats.watches.resetsTrimmedTotal },
      { labels: { reason: "unknown_zxid" }, value: stats.watches.resetsUnknownTotal },
    ],
    ["reason"],
  ),
  treekeeper_audiences: gauge(
    "Different selections that streams have.",
    ({ stats }) => stats.watches.audiences,
  ),
  treekeeper_history_messages: gauge(
    "Transactions that can be told again.",
    ({ stats }) => stats.history.messages,
  ),
  treekeeper_history_messages_max: gauge(
    "Transactions of which it is kept what watchers were told, --history-messages-max.",
    ({ stats }) => stats.history.messagesMax,
  ),
  treekeeper_history_bytes: gauge(
    "Bytes of the transactions that can be told again.",
    ({ stats }) => stats.history.bytes,
  ),
  treekeeper_history_bytes_max: gauge(
    "Bytes that they may take, --history-bytes-max.",
    ({ stats }) => stats.history.bytesMax,
  ),
  treekeeper_history_floor_zxid: gauge(
    "Streams can go on after this transaction and any later one.",
    ({ stats }) => stats.history.floorZxid,
  ),
};

function streamsOf({ stats }: MetricsSource): readonly Sample<number>[] {
  return [
    { labels: { kind: "changes" }, value: stats.watches.streams },
    { labels: { kind: "latest" }, value: stats.latestStreams.streams },
  ];
}
