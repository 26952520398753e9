// `services`: the services there are, and the instances of one, all or some.

import { Command, Option } from "commander";
import type { InstanceState, ServiceFilter } from "../../client/index.ts";
import { workplaceOf } from "../options.ts";

interface ServicesOptions {
  readonly tag?: readonly string[];
  readonly zone?: string;
  readonly state?: InstanceState;
}

export function servicesCommand(): Command {
  return new Command("services")
    .summary("list services, or the instances of one")
    .description("Lists all services, or the instances of NAME: id, address and port, state.")
    .argument("[name]", "a service")
    .option("--tag <tag>", "only instances with this word; may be repeated", (tag, tags: string[] = []) => [
      ...tags,
      tag,
    ])
    .option("--zone <zone>", "only instances there")
    .addOption(
      new Option("--state <state>", "only instances in this state").choices(["up", "draining", "disabled"]),
    )
    .action(services);
}

async function services(name: string | undefined, options: ServicesOptions, command: Command): Promise<void> {
  const { client, output } = workplaceOf(command);
  if (name === undefined) {
    if (Object.keys(options).length > 0)
      command.error("error: a filter is for the instances of one service.");
    for await (const service of client.services()) {
      await output.line(() => `${service.name}  ${service.instanceCount}`, service);
    }
    return;
  }
  for await (const instance of client.instances(name, filterOf(options))) {
    const { id, address, port, state } = instance;
    await output.line(() => `${id}  ${address}:${port}  ${state}`, instance);
  }
}

function filterOf({ tag: tags, zone, state }: ServicesOptions): ServiceFilter {
  return {
    ...(tags !== undefined && { tags }),
    ...(zone !== undefined && { zone }),
    ...(state !== undefined && { state }),
  };
}
