// A running service, from its settings to its end. A failed start says why in one sentence and exits with 1; a
// store that failed while serving exits with 74, because what it last wrote is unknown until it is read again.

import closeWithGrace from "close-with-grace";
import { type Logger, pino } from "pino";
import { systemClock } from "./clock.ts";
import type { Config } from "./config.ts";
import { createServer, type Server } from "./server.ts";
import { Sessions } from "./sessions/sessions.ts";
import { openSqlite } from "./store/sqlite/sqlite-backend.ts";
import { Store } from "./store/store.ts";
import { Watches } from "./watches/watches.ts";

const exitCodeStorageFailed = 74;
const closeWithinMs = 10_000;

export async function serve(config: Config, version: string): Promise<void> {
  const logger = pino({ level: config.logLevel, base: { pid: process.pid } });
  try {
    const service = await open(config, version, logger);
    const address = await service.server.app.listen({ host: config.host, port: config.port });
    logger.info({ address, zxid: service.store.zxid, dataDir: config.dataDir }, "serving");
    closeOnSignal(service, logger);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    logger.fatal({ err: error }, `could not start: ${reason}`);
    process.exit(1);
  }
}

interface Service {
  readonly server: Server;
  readonly store: Store;
  readonly sessions: Sessions;
}

async function open(config: Config, version: string, logger: Logger): Promise<Service> {
  const startedMs = systemClock.monotonicMs();
  const { loaded, backend } = await openSqlite(config.dataDir, {
    allowUnsafeFilesystem: config.unsafeFilesystem,
    databaseBytesMax: config.databaseBytesMax,
    freeBytesMin: config.freeBytesMin,
    ballastBytes: config.ballastBytes,
    checkpointBytes: config.checkpointBytes,
    walBytesMax: config.walBytesMax,
  });
  if (loaded.wasUnclean) logger.warn("the last stop was not a clean one; the file was checked and is sound");
  const store = new Store({
    state: loaded.state,
    position: loaded.position,
    log: backend,
    tables: backend,
    clock: systemClock,
    limits: config,
  });
  store.onLogState((state) => {
    if (state.state === "failed") endAfterFailure(state.cause, logger);
    else
      logger.warn(
        state,
        state.state === "connected" ? "the log takes writes again" : "the log takes no writes",
      );
  });
  const watches = new Watches({
    store,
    saved: { rows: loaded.changes, floorZxid: loaded.position.historyFloorZxid },
    limits: watchLimits(config),
    chance: Math.random,
  });
  await store.start();
  const sessions = new Sessions(store, {
    timeoutMsMin: config.sessionTimeoutMsMin,
    timeoutMsMax: config.sessionTimeoutMsMax,
    timeoutMsDefault: config.sessionTimeoutMsDefault,
  });
  sessions.start();
  logger.info(
    {
      znodes: store.state.tree.size,
      sessions: store.state.sessionCount,
      ms: Math.round(systemClock.monotonicMs() - startedMs),
    },
    "store open",
  );
  return {
    server: await createServer({ store, sessions, watches, limits: config, logger, version }),
    store,
    sessions,
  };
}

function watchLimits(config: Config) {
  return {
    history: {
      messagesMax: config.historyMessagesMax,
      bytesMax: config.historyBytesMax,
      ageMsMax: config.historyAgeMsMax,
    },
    streamsMax: config.streamsMax,
    bufferBytesMax: config.streamBufferBytesMax,
    snapshotPageZnodesMax: config.snapshotPageZnodesMax,
    snapshotPageBytesMax: config.snapshotPageBytesMax,
  };
}

/** Whether the last write is durable is unknown: nothing more is answered, and only a replay can tell. */
function endAfterFailure(cause: string, logger: Logger): void {
  logger.fatal({ cause }, "the store failed; exiting, so that the next start reads what is really on disk");
  process.exit(exitCodeStorageFailed);
}

/** SIGTERM and SIGINT end in good order; a second one, or too much time, at once. */
function closeOnSignal({ server, store, sessions }: Service, logger: Logger): void {
  closeWithGrace({ delay: closeWithinMs, logger: false }, async ({ signal, err }) => {
    if (err !== undefined) logger.fatal({ err }, "a bug ends the process");
    logger.info({ signal }, "closing");
    await server.close();
    sessions.stop();
    await store.close();
    logger.info({ zxid: store.zxid }, "closed");
  });
}
