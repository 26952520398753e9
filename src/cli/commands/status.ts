// `status`: how the service is, on one screen. Whether it is ready everybody is told who reaches it; figures are an admin's.

import { Command } from "commander";
import {
  type Client,
  ForbiddenError,
  type HealthCheck,
  type Readiness,
  type ServiceStats,
  UnauthenticatedError,
} from "../../client/index.ts";
import { ExitError, exitCodes } from "../exit-codes.ts";
import { workplaceOf } from "../options.ts";
import type { Line, Output } from "../output.ts";
import { statusRows } from "../status-rows.ts";
import { inTime } from "../words.ts";

export function statusCommand(): Command {
  return new Command("status")
    .summary("say how the service is, on one screen")
    .description(
      "Prints whether the service is ready, its figures, and what is worth a warning. Figures take an access token of an " +
        "admin where the service has access control. Ends with 0 when it is ready, with 1 when it is not, and with 69 when " +
        "there is no service.",
    )
    .action(status);
}

async function status(_options: object, command: Command): Promise<void> {
  const { client, output, options } = workplaceOf(command);
  const readiness = await client.readiness();
  const figures = await figuresOf(client);
  const json = { readiness, ...(figures.stats !== null && { stats: figures.stats }) };
  if (options.json) await output.write({ text: () => "", json });
  else await show({ readiness, ...figures }, output, options.endpoint);
  if (figures.hint !== null) output.note(figures.hint);
  // What it is has been said.
  if (!readiness.ready) throw new ExitError(exitCodes.failed);
}

interface Figures {
  readonly stats: ServiceStats | null;
  /** How to see them. */
  readonly hint: string | null;
}

async function figuresOf(client: Client): Promise<Figures> {
  try {
    return { stats: await client.stats(), hint: null };
  } catch (error) {
    const isKept = error instanceof UnauthenticatedError || error instanceof ForbiddenError;
    if (!isKept) throw error;
    const hint =
      "Figures are shown to an admin: name an access token by --token-file, TREEKEEPER_TOKEN_FILE or TREEKEEPER_TOKEN.";
    return { stats: null, hint };
  }
}

interface Shown {
  readonly readiness: Readiness;
  readonly stats: ServiceStats | null;
}

async function show({ readiness, stats }: Shown, output: Output, endpoint: string): Promise<void> {
  const name = stats === null ? "treekeeper" : `treekeeper ${stats.version}`;
  await output.line(() => headLine(name, endpoint, readiness), null);
  for (const check of readiness.checks.filter(({ status: state }) => state === "failed"))
    await output.line(() => checkLine(check), null);
  if (stats === null) return;
  const rows = statusRows(stats);
  const width = Math.max(...rows.map(([label]) => label.length));
  for (const [label, value] of rows) await output.line(() => `  ${label.padEnd(width)}  ${value}`, null);
  for (const { message } of stats.warnings)
    await output.line(() => [{ colour: "yellow", words: "warning" }, `: ${message}`], null);
}

function headLine(name: string, endpoint: string, { ready }: Readiness): Line {
  const words = ready ? "ready" : "not ready";
  return [`${name} at ${endpoint} is `, { colour: ready ? "green" : "red", words }];
}

function checkLine({ name, sentence, cause, sinceMs }: HealthCheck): Line {
  const why = cause === undefined ? "" : ` (${cause})`;
  return [{ colour: "red", words: name }, `: ${sentence}${why} For ${inTime(Date.now() - sinceMs)}.`];
}
