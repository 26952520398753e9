// Settings of writes: how large each may be, how large the tree, how many may wait, and how long their answers are kept.

import { mebibyte, setting } from "./setting.ts";
import { byteCount, integer } from "./setting-values.ts";

export const writeSettings = {
  pathLengthMax: setting("path-length-max", 4096, integer(16, 16_384), "characters of a path"),
  dataBytesMax: setting("data-bytes-max", mebibyte, byteCount(1), "bytes of data in one znode"),
  operationsMax: setting(
    "operations-max",
    1000,
    integer(1, 100_000),
    "operations in one transaction or batch",
  ),
  transactionBytesMax: setting(
    "transaction-bytes-max",
    8 * mebibyte,
    byteCount(1024),
    "body of a request for a transaction or batch, and a line of an import",
  ),
  transactionChangesMax: setting(
    "transaction-changes-max",
    10_000,
    integer(1000, 200_000),
    "znodes changed by one transaction; other requests wait while it is done",
  ),
  transactionChangeBytesMax: setting(
    "transaction-change-bytes-max",
    8 * mebibyte,
    byteCount(mebibyte, 256 * mebibyte),
    "bytes of paths and data changed by one transaction, as JSON",
  ),
  ephemeralsPerSessionMax: setting(
    "ephemerals-per-session-max",
    5000,
    integer(1),
    "ephemeral znodes of one session, which go in one transaction; half of --transaction-changes-max at most",
  ),
  entryBytesMax: setting(
    "entry-bytes-max",
    16 * mebibyte,
    byteCount(mebibyte),
    "bytes of one log entry; each write must fit into one",
  ),
  treeBytesMax: setting(
    "tree-bytes-max",
    0,
    byteCount(0),
    "approximate memory for the tree; 0 is half of the free heap of Node.js",
  ),
  queueCommandsMax: setting(
    "queue-commands-max",
    10_000,
    integer(1),
    "writes waiting for the log before 429",
  ),
  queueBytesMax: setting(
    "queue-bytes-max",
    64 * mebibyte,
    byteCount(mebibyte),
    "bytes of writes waiting before 429",
  ),
  queueCommandsPerClientMax: setting(
    "queue-commands-per-client-max",
    0,
    integer(0),
    "of these writes, one client's; 0 is half of --queue-commands-max",
  ),
  queueBytesPerClientMax: setting(
    "queue-bytes-per-client-max",
    0,
    byteCount(0),
    "of these bytes, one client's; 0 is half of --queue-bytes-max",
  ),
  appendMsMax: setting(
    "append-ms-max",
    5000,
    integer(100),
    "time a write may wait for the disk before /readyz says that it hangs",
  ),
  idempotencyAgeMsMax: setting(
    "idempotency-age-ms-max",
    86_400_000,
    integer(1000),
    "time for which the answer to an Idempotency-Key is kept, while the service runs",
  ),
  idempotencyKeysMax: setting(
    "idempotency-keys-max",
    100_000,
    integer(1),
    "answers kept for such keys; beyond it, the client with most of them loses its oldest",
  ),
  idempotencyBytesMax: setting(
    "idempotency-bytes-max",
    64 * mebibyte,
    byteCount(65_536),
    "bytes of these answers; a sixteenth of --database-bytes-max at most",
  ),
} as const;
