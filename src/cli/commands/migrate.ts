// `migrate`: the log of a service moves from its directory into etcd, or back, with all that belongs to it. Nobody is served
// meanwhile; and what it is moved from is not served any more.

import { Command, InvalidArgumentError, Option } from "commander";
import type { Migration } from "../../offline/migrate.ts";
import type { MigrateError, MoveReport } from "../../offline/move.ts";
import { type EtcdPlaceNamed, etcdPlaceIn } from "../etcd-place.ts";
import { ExitError, exitCodes } from "../exit-codes.ts";
import { outputOf, variable } from "../options.ts";
import { aligned } from "../output.ts";
import { Progress } from "../progress.ts";
import { counted, inBytes, shellWord } from "../words.ts";

export function migrateCommand(): Command {
  return new Command("migrate")
    .summary("move the log from a data directory into etcd, or back")
    .description(
      "Moves the log of a service from its data directory into etcd, where several servers share it, or from etcd into a data " +
        "directory for one server. All of it goes along: znodes, zxids, sessions, locks and their fences, watches' cursors, " +
        "kept answers, tokens and policies. Stop the service first; what it was moved from is not served any more. Run again it " +
        "finishes what was broken off, and with --undo it takes that back.",
    )
    .addOption(place("--from <place>", "a data directory, or etcd://HOST:PORT,…/PREFIX/ (etcds:// with TLS)"))
    .addOption(place("--to <place>", "the other; an empty directory, or a prefix with nothing below it"))
    .addOption(file("TREEKEEPER_ETCD_CA", "--etcd-ca <file>", "who certifies etcd's members (PEM)"))
    .addOption(file("TREEKEEPER_ETCD_CERT", "--etcd-cert <file>", "the certificate shown to etcd (PEM)"))
    .addOption(file("TREEKEEPER_ETCD_KEY", "--etcd-key <file>", "that certificate's private key (PEM)"))
    .addOption(file("TREEKEEPER_ETCD_USER", "--etcd-user <name>", "the user in etcd, where it asks for one"))
    .addOption(file("TREEKEEPER_ETCD_PASSWORD_FILE", "--etcd-password-file <file>", "that user's password"))
    .option("--undo", "take back a move that was broken off; one that came to its end is moved back instead")
    .option(
      "--abandoned",
      "with --undo: take back a move out of etcd whose directory is lost; whoever has it can never finish it then",
    )
    .action(migrate);
}

function place(flags: string, meaning: string): Option {
  return new Option(flags, meaning).makeOptionMandatory().argParser(placeIn);
}

function file(name: string, flags: string, meaning: string): Option {
  return variable(name, new Option(flags, meaning)).default("");
}

/** A directory by its name. */
type Place = EtcdPlaceNamed | string;

function placeIn(text: string): Place {
  if (text === "") throw new InvalidArgumentError("It may not be empty.");
  return etcdPlaceIn(text) ?? text;
}

interface Options {
  readonly from: Place;
  readonly to: Place;
  readonly etcdCa: string;
  readonly etcdCert: string;
  readonly etcdKey: string;
  readonly etcdUser: string;
  readonly etcdPasswordFile: string;
  readonly undo?: true;
  readonly abandoned?: true;
}

async function migrate(options: Options, command: Command): Promise<void> {
  const migration = migrationOf(options, command);
  const output = outputOf(command);
  const { migrate: move, undoMigrate } = await import("../../offline/migrate.ts");
  const progress = new Progress("migrate", output);
  try {
    if (options.undo === true) {
      await undoMigrate(migration, { isAbandoned: options.abandoned === true });
      return await output.write({ text: () => undoneText(options), json: { undone: true } });
    }
    const report = await move(migration, {
      onProgress: (count, unit, share) => progress.show(count, unit, share),
      onNote: (message) => output.note(message),
    });
    progress.end();
    await output.write({ text: () => reportText(report, migration), json: report });
  } catch (error) {
    throw asExit(error);
  } finally {
    progress.end();
  }
}

function asExit(error: unknown): unknown {
  if (!(error instanceof Error) || error.name !== "MigrateError") return error;
  const { isUnreachable } = error as MigrateError;
  return new ExitError(isUnreachable ? exitCodes.unreachable : exitCodes.failed, error.message);
}

function migrationOf(options: Options, command: Command): Migration {
  const { from, to, etcdCert, etcdKey, etcdUser, etcdPasswordFile, etcdCa } = options;
  if (typeof from === typeof to)
    command.error("error: one of --from and --to is a data directory, and the other is etcd://….");
  if ((etcdCert === "") !== (etcdKey === "")) command.error("error: --etcd-cert and --etcd-key go together.");
  if ((etcdUser === "") !== (etcdPasswordFile === ""))
    command.error("error: --etcd-user and --etcd-password-file go together.");
  const [direction, dataDir, etcd] =
    typeof from === "string"
      ? (["in", from, to as EtcdPlaceNamed] as const)
      : (["out", to as string, from] as const);
  if ((etcdCa !== "" || etcdCert !== "") && !etcd.name.startsWith("etcds:"))
    command.error("error: --etcd-ca and --etcd-cert are for etcds://.");
  if (options.abandoned === true && (options.undo !== true || direction !== "out"))
    command.error("error: --abandoned is for --undo of a move out of etcd.");
  const version = command.parent?.version() ?? "";
  const keys = { etcdCa, etcdCert, etcdKey, etcdUser, etcdPasswordFile };
  return { direction, dataDir, version, etcd: { ...etcd, ...keys } };
}

function undoneText({ from, to }: Options): string {
  return `nothing of ${named(from)} is in ${named(to)}; it is served where it was\n`;
}

function named(place: Place): string {
  return typeof place === "string" ? place : place.name;
}

function reportText(report: MoveReport, { direction, etcd }: Migration): string {
  const { from, to, zxid, znodes, sessions, position, bytes, digest } = report;
  return aligned([
    ["from", `${from}, which is not served any more`],
    ["to", to],
    ["store", `${counted(znodes, "znode")}, ${counted(sessions, "session")}, ${inBytes(bytes)}`],
    ["zxid", String(zxid)],
    ["entry", String(position)],
    ["digest", digest],
    ["next", direction === "in" ? nextInEtcd(etcd) : `treekeeper serve --data-dir ${shellWord(to)}`],
  ]);
}

function nextInEtcd({ etcdEndpoints, prefix }: Migration["etcd"]): string {
  return `treekeeper serve --log etcd --etcd-endpoints ${etcdEndpoints} --etcd-prefix ${prefix}, each with a directory of its own`;
}
