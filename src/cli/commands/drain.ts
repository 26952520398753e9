// `drain`: sends the clients of one server elsewhere before it is stopped.

import { Command } from "commander";
import { ExitError, exitCodes } from "../exit-codes.ts";
import { endpointsIn, integer, workplaceOf } from "../options.ts";
import { counted } from "../words.ts";

export function drainCommand(): Command {
  return new Command("drain")
    .summary("send the clients of one server elsewhere, before it is stopped")
    .description(
      "Ends a share of the server's streams and connections over some seconds; their clients go to other servers. With all of " +
        "them /readyz fails, so that load balancers send nobody more. What still comes is served. Takes an access token of an admin.",
    )
    .option("--percent <number>", "the share; 0 takes a drain back", integer(0, 100), 100)
    .action(drain);
}

async function drain({ percent }: { readonly percent: number }, command: Command): Promise<void> {
  const { client, output, options } = workplaceOf(command);
  // Of several it would be the one that happens to answer.
  if (endpointsIn(options.endpoint).length > 1)
    throw new ExitError(exitCodes.usage, "Name the one server that is to be drained: --endpoint URL");
  const plan = await client.drain(percent);
  const { streams, connections, withinMs } = plan;
  const text = () =>
    percent === 0
      ? "no drain goes on"
      : `${counted(streams, "stream")} and ${counted(connections, "connection")} end within ${Math.ceil(withinMs / 1000)} s`;
  await output.line(text, plan);
}
