// A running service, from its settings to its end. A failed start says why in one sentence and exits with 1; a
// store that failed while serving exits with 74, because what it last wrote is unknown until it is read again. What a
// later version wrote is left as it is, and the exit code is 78.

import { isatty } from "node:tty";
import closeWithGrace from "close-with-grace";
import type { Logger } from "pino";
import { NewerVersionError } from "./core/newer-version-error.ts";
import { isHangupIgnored } from "./early-signals.ts";
import { addressOf } from "./listening.ts";
import { logExpiry } from "./log/expiries.ts";
import { openLog } from "./log/open-log.ts";
import { auditSessionEnds } from "./log/session-ends.ts";
import { openService, type Service } from "./open-service.ts";
import type { Config } from "./settings/settings.ts";
import { exitCodeTooOld } from "./store-notes.ts";

export const closeWithinMs = 10_000;

interface Surroundings {
  readonly version: string;
  /** Variables of the environment that look like settings and are not. */
  readonly foreignVariables: readonly string[];
}

export async function serve(config: Config, { version, foreignVariables }: Surroundings): Promise<void> {
  const logger = openLog(config.logLevel);
  for (const variable of foreignVariables) {
    logger.warn(
      { variable },
      `${variable} is an address made by Kubernetes or Docker, not a setting; ignored`,
    );
  }
  const stop = new AbortController();
  const starting = start(config, version, logger, stop.signal);
  closeOnSignal(starting, { stop, hasRenewals: config.tlsCert !== "" || config.jwtKeys !== "" }, logger);
  try {
    await starting;
  } catch (error) {
    if (error === stop.signal.reason) return;
    const reason = error instanceof Error ? error.message : String(error);
    logger.fatal({ err: error }, `could not start: ${reason}`);
    process.exit(error instanceof NewerVersionError ? exitCodeTooOld : 1);
  }
}

/** A stop that is asked for meanwhile ends it between two steps. @throws the signal's reason, with nothing left open */
async function start(config: Config, version: string, logger: Logger, stop: AbortSignal): Promise<Service> {
  const service = await openService(config, version, logger, stop);
  await listen(service, config, logger, stop);
  return service;
}

/** Sessions begin to count only now, when their clients can be heard. */
async function listen(service: Service, config: Config, logger: Logger, stop: AbortSignal): Promise<void> {
  const { server, store, sessions, housekeeper, audit } = service;
  try {
    stop.throwIfAborted();
    await server.doors.open({ host: config.host, port: config.port });
    housekeeper?.start();
    service.ownServer.start(server);
    service.scheduledBackups?.start();
    store.onApplied((applied) => {
      for (const { txn } of applied) {
        logExpiry(txn, logger, (id) => sessions.ended.get(id));
        if (audit !== null) auditSessionEnds(txn, audit);
      }
    });
    noteAddresses(service, config, logger);
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** Whoever has said that it shall be insecure hears of it at each start. */
function noteAddresses({ server, danger, store }: Service, config: Config, logger: Logger): void {
  const { tlsCert, dataDir, insecure } = config;
  const scheme = tlsCert === "" ? "http" : "https";
  const addresses = server.doors.addresses.map((address) => addressOf(address, scheme));
  const [address, ...others] = addresses.map(({ url }) => url);
  logger.info({ address, ...(others.length > 0 && { others }), zxid: store.zxid, dataDir }, "serving");
  if (!insecure) return;
  const reachable = addresses.filter(({ isLoopback }) => !isLoopback).map(({ url }) => url);
  const needless = "insecure: it is set, and nothing needs it as it stands; leave it out";
  logger.warn({ addresses: reachable }, danger?.warning ?? needless);
}

interface Stopping {
  readonly stop: AbortController;
  /** Whether there are files to look at again. */
  readonly hasRenewals: boolean;
}

/** SIGTERM and SIGINT end in good order, during the start too; a second one, or too much time, at once. */
function closeOnSignal(starting: Promise<Service>, { stop, hasRenewals }: Stopping, logger: Logger): void {
  const renews = hasRenewals && ![0, 1, 2].some((descriptor) => isatty(descriptor));
  if (renews) process.on("SIGHUP", () => renewOnHangup(starting));
  const skip = renews || isHangupIgnored() ? ["SIGHUP" as const] : [];
  closeWithGrace({ delay: closeWithinMs, logger: false, skip }, async ({ signal, err }) => {
    if (err !== undefined) logger.fatal({ err }, "a bug ends the process");
    logger.info({ signal }, "closing");
    stop.abort();
    const service = await starting.catch(() => null);
    if (service !== null) await closeService(service);
    logger.info({ ...(service !== null && { zxid: service.store.zxid }) }, "closed");
  });
}

/** As other services take it. Where there is a terminal it means that it is gone, and the service ends with it. */
function renewOnHangup(starting: Promise<Service>): void {
  starting.then(
    async ({ certificate, jwtKeys }) => await Promise.all([certificate?.look(), jwtKeys?.look()]),
    () => {},
  );
}

async function closeService(service: Service): Promise<void> {
  const { server, certificate, jwtKeys, store, sessions, housekeeper, runtime, stallWatch, audit } = service;
  certificate?.stop();
  jwtKeys?.stop();
  service.scheduledBackups?.stop();
  await service.backups.close();
  await service.ownServer.stop();
  // Nothing is written any more but for requests under way: what followers are told ends behind all of it.
  housekeeper?.stop();
  await server.close();
  stallWatch.stop();
  runtime.stop();
  sessions.dispose();
  await store.close();
  await audit?.close();
}
