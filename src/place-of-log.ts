// Where writes are ordered: in the data directory, in etcd, or at the server that is followed; and what the data directory
// has to be for each.

import type { Logger } from "pino";
import { systemClock } from "./clock.ts";
import type { Config } from "./settings/settings.ts";
import type { CommitLog } from "./store/commit-log.ts";
import type { OpenedEtcd } from "./store/etcd/open-etcd.ts";
import type { OpenedSqlite } from "./store/sqlite/open-sqlite.ts";
import type { Store } from "./store/store.ts";
import type { OpenedUpstream } from "./store/upstream/open-upstream.ts";

/** Where writes are ordered. */
export type PlaceOfLog =
  | { readonly kind: "own" }
  | { readonly kind: "shared"; readonly shared: OpenedEtcd }
  | { readonly kind: "followed"; readonly followed: OpenedUpstream };

/** Resolves when whoever keeps it answers. */
export async function placeOfLog(config: Config, logger: Logger, stop: AbortSignal): Promise<PlaceOfLog> {
  if (config.follow !== "") {
    const { openUpstream } = await import("./store/upstream/open-upstream.ts");
    const onWaiting = (cause: string) => logger.warn({ cause }, "waiting for the server that is followed");
    const followed = await openUpstream(config, { clock: systemClock, onWaiting, signal: stop });
    return { kind: "followed", followed };
  }
  if (config.log === "sqlite") return { kind: "own" };
  const { openEtcd } = await loadEtcd();
  const onWaiting = (cause: string) => logger.warn({ cause }, "waiting for etcd");
  const shared = await openEtcd(config, { clock: systemClock, onWaiting, signal: stop });
  return { kind: "shared", shared };
}

/** Whoever has no log in etcd may leave out what speaks to it. @throws Error that says what to install */
async function loadEtcd(): Promise<typeof import("./store/etcd/open-etcd.ts")> {
  try {
    return await import("./store/etcd/open-etcd.ts");
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== "ERR_MODULE_NOT_FOUND" || !/@(bufbuild|connectrpc)\//.test(message)) throw error;
    throw new Error(etcdLeftOut);
  }
}

const etcdLeftOut =
  "--log etcd needs packages that were left out when this was installed: install it again without --omit=optional, " +
  "or install @bufbuild/protobuf, @connectrpc/connect and @connectrpc/connect-node beside it";

export function logElsewhere(place: PlaceOfLog): CommitLog | null {
  switch (place.kind) {
    case "own":
      return null;
    case "shared":
      return place.shared.log;
    case "followed":
      return place.followed.log;
  }
}

/** A new server, and one that was off for long, begins with what others have. @returns what is to be done once it is open */
export async function beginAt(
  place: PlaceOfLog,
  { dataDir, ...config }: Config,
  logger: Logger,
): Promise<() => void> {
  const options = { allowUnsafeFilesystem: config.unsafeFilesystem };
  if (place.kind === "own") return () => {};
  if (place.kind === "shared") {
    const { snapshot, finish } = await place.shared.bootstrap(dataDir, options);
    if (snapshot !== null) logger.info({ ...snapshot }, "began with the snapshot that the servers share");
    return finish;
  }
  const { taken, keptAt, finish } = await place.followed.begin(dataDir, options);
  if (taken !== null) logger.info({ ...taken }, "began with a backup of the server that is followed");
  if (keptAt !== null) logger.warn({ keptAt }, otherPastMessage);
  return finish;
}

const otherPastMessage =
  "the server that is followed has another past than this one had: what this one had is kept; delete it when nobody needs it";

/** @throws Error where a directory is opened for something else than it is */
export function assertBelongs(
  { follows, restoreNote }: LoadedFacts,
  { kind }: PlaceOfLog,
  { dataDir }: Config,
): void {
  if (kind === "shared" && restoreNote !== null) throw new Error(restoredAlone);
  if (kind === "followed" || follows === null) return;
  throw new Error(
    `The data directory ${dataDir} follows another server (${follows}). Start it with --follow; or, to go on from it without ` +
      `that server, run \`treekeeper promote --data-dir ${dataDir}\` first (docs/followers.md).`,
  );
}

type LoadedFacts = OpenedSqlite["loaded"];

/** What is heard has to go on from what is here, and to lead where it led at the server that is followed. */
export function goOnFrom(store: Store, { log }: OpenedUpstream): void {
  log.beginAt(store.recent.last);
  store.onPlace((place) => log.reached(place));
}

const restoredAlone =
  "this data directory was restored, and the log is in etcd, which has another past: restore etcd instead, and begin with " +
  "empty data directories and --etcd-restored (docs/cluster.md)";
