// `migrate`: a log moves from a directory into etcd, or back. Everything of the service goes along, and there is one log at
// each moment, or none that is served.

import { ConnectError } from "@connectrpc/connect";
import { isOfTheWay, isOutOfSpace, isRefused } from "../store/etcd/etcd-errors.ts";
import { MoveConflictError } from "../store/etcd/moves.ts";
import { type EtcdConnectionSettings, etcdClientOf, tlsOf } from "../store/etcd/open-etcd.ts";
import { roomInEtcd } from "../store/etcd/room-in-etcd.ts";
import { type EtcdPlace, MigrateError, type MoveHooks, type MoveReport } from "./move.ts";
import { moveIn, undoMoveIn } from "./move-in.ts";
import { abandonMoveOut, moveOut, undoMoveOut } from "./move-out.ts";
import { isSentence } from "./sentences.ts";

export interface Migration {
  readonly dataDir: string;
  readonly etcd: EtcdConnectionSettings & { readonly name: string; readonly prefix: string };
  readonly direction: "in" | "out";
  /** Of this program. */
  readonly version: string;
}

/** @throws MigrateError; Error as the system says it */
export async function migrate(migration: Migration, hooks: MoveHooks): Promise<MoveReport> {
  const { dataDir, etcd, direction, version } = migration;
  return await inWords(migration, async (place) => {
    if (direction === "out") return await moveOut({ from: place, dataDir, hooks });
    const client = etcdClientOf(etcd);
    const [endpoint = ""] = etcd.etcdEndpoints.split(",");
    const roomIn = () => roomInEtcd(client, { endpoint, tls: tlsOf(etcd) });
    return await moveIn({ dataDir, to: place, version, roomIn, hooks });
  });
}

/**
 * Takes back one that was broken off.
 * @param options.isAbandoned one out of etcd, into a directory that is lost
 * @throws MigrateError where it came to its end; Error as the system says it
 */
export async function undoMigrate(
  migration: Migration,
  { isAbandoned }: { readonly isAbandoned: boolean },
): Promise<void> {
  const { dataDir, direction } = migration;
  await inWords(migration, async (place) => {
    if (direction === "out") await (isAbandoned ? abandonMoveOut : undoMoveOut)({ from: place, dataDir });
    else await undoMoveIn({ dataDir, to: place });
  });
}

async function inWords<T>({ etcd }: Migration, work: (place: EtcdPlace) => Promise<T>): Promise<T> {
  const { name, prefix } = etcd;
  try {
    return await work({ name, prefix, client: etcdClientOf(etcd) });
  } catch (error) {
    throw asMigrateError(error, name);
  }
}

function asMigrateError(error: unknown, name: string): unknown {
  if (!(error instanceof Error) || error instanceof MigrateError) return error;
  if (error instanceof MoveConflictError)
    return new MigrateError(`In ${name} ${error.message}. Look what is there, then run this again.`, {
      cause: error,
    });
  if (isSentence(error)) return new MigrateError(error.message, { cause: error });
  if (!isOfTheWay(error)) return error;
  const { rawMessage } = ConnectError.from(error);
  if (isOutOfSpace(error)) return new MigrateError(`${name} has no room: ${rawMessage}.`, { cause: error });
  if (isRefused(error)) return new MigrateError(`${name} refuses this: ${rawMessage}.`, { cause: error });
  const message = `${name} does not answer: ${rawMessage}. What was begun is finished by running this again.`;
  return new MigrateError(message, { cause: error, isUnreachable: true });
}
