// Settings of requests and answers: how large they may be, and how long they may take.

import { mebibyte, setting } from "./setting.ts";
import { byteCount, integer } from "./setting-values.ts";

export const httpSettings = {
  headerBytesMax: setting("header-bytes-max", 48 * 1024, byteCount(4096), "URL and headers of a request"),
  headersTimeoutMs: setting(
    "headers-timeout-ms",
    10_000,
    integer(100),
    "time for the URL and headers of a request to arrive",
  ),
  requestTimeoutMs: setting(
    "request-timeout-ms",
    30_000,
    integer(100),
    "time for a complete request to arrive, and for each line of an import",
  ),
  keepAliveTimeoutMs: setting(
    "keep-alive-timeout-ms",
    72_000,
    integer(100),
    "idle time before a keep-alive connection is closed",
  ),
  bodiesBytesMax: setting(
    "bodies-bytes-max",
    128 * mebibyte,
    byteCount(mebibyte),
    "bytes of incomplete request bodies, all requests together",
  ),
  jsonValuesMax: setting(
    "json-values-max",
    50_000,
    integer(1000),
    "JSON values in one request: lists, objects and their members",
  ),
  jsonDepthMax: setting("json-depth-max", 32, integer(8, 1000), "nesting depth of JSON"),
  batchReadBytesMax: setting(
    "batch-read-bytes-max",
    8 * mebibyte,
    byteCount(1024),
    "bytes that the reads of one batch may answer with",
  ),
  answerBytesMax: setting(
    "answer-bytes-max",
    128 * mebibyte,
    byteCount(mebibyte),
    "bytes of large answers held for their clients; beyond it 429",
  ),
  connectionAnswerBytesMax: setting(
    "connection-answer-bytes-max",
    32 * mebibyte,
    byteCount(mebibyte),
    "the same, for one connection",
  ),
  answerBytesPerClientMax: setting(
    "answer-bytes-per-client-max",
    0,
    byteCount(0),
    "the same, for one client; 0 is three quarters of --answer-bytes-max",
  ),
  sendTimeoutMs: setting(
    "send-timeout-ms",
    60_000,
    integer(100),
    "time without progress after which a client that does not read is disconnected",
  ),
} as const;
