// `services`: the services there are, and the instances of one. They are read as the znodes they are.

import { Command } from "commander";
import type { ListedZnode } from "../../client/index.ts";
import { workplaceOf } from "../options.ts";
import type { Output } from "../output.ts";

const servicesPath = "/services";

export function servicesCommand(): Command {
  return new Command("services")
    .summary("list services, or the instances of one")
    .description("Lists the services there are, or with a NAME its instances: id, address and port, state.")
    .argument("[name]", "a service")
    .action(services);
}

async function services(name: string | undefined, _options: object, command: Command): Promise<void> {
  const { client, output } = workplaceOf(command);
  if (name !== undefined) {
    const instances = client.childZnodes(`${servicesPath}/${name}`, { data: true });
    for await (const znode of instances) await tell(znode, output);
    return;
  }
  // Nobody may have registered anything yet.
  if ((await client.exists(servicesPath)) === undefined) return;
  for await (const { path, stat } of client.childZnodes(servicesPath)) {
    const json = { name: baseName(path), instanceCount: stat.numChildren };
    await output.line(() => `${json.name}  ${json.instanceCount}`, json);
  }
}

async function tell({ path, data, stat }: ListedZnode, output: Output): Promise<void> {
  const instance = { id: baseName(path), ...membersIn(data?.text() ?? ""), session: stat.ephemeralOwner };
  const { id, address, port, state } = instance as Record<string, unknown>;
  await output.line(() => `${id}  ${address ?? "-"}:${port ?? "-"}  ${state ?? "up"}`, instance);
}

/** Somebody may have put anything there. */
function membersIn(text: string): object {
  try {
    return Object(JSON.parse(text));
  } catch {
    return {};
  }
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
