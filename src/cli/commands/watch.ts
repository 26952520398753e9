// `watch`: tells what happens to znodes, each change once and in order, for as long as it runs, over restarts of the
// service and lost connections.

import { Command, InvalidArgumentError, Option } from "commander";
import type { WatchMessage, ZnodeEvent } from "../../client/index.ts";
import { integer, workplaceOf } from "../options.ts";
import type { Line, Output } from "../output.ts";
import { dataInLine, eventJson, znodeJson } from "../views.ts";

type EventType = ZnodeEvent["type"];

interface WatchOptions {
  readonly scope: "node" | "children" | "subtree";
  readonly types?: readonly EventType[];
  readonly initial?: boolean;
  readonly since?: number;
  readonly once?: boolean;
  readonly data: boolean;
}

const eventTypes: readonly EventType[] = ["created", "changed", "deleted"];

export function watchCommand(): Command {
  return new Command("watch")
    .summary("tell what happens to znodes")
    .description("Prints each change of znodes once and in order: zxid, type, path, data.")
    .argument("<path...>", "znodes, which need not exist")
    .addOption(
      new Option("--scope <scope>", "the znode alone, its children too, or everything below")
        .choices(["node", "children", "subtree"])
        .default("node"),
    )
    .option("--types <list>", "only these, comma-separated: created, changed, deleted", typesIn)
    .option("--initial", "begin with what is there")
    .option("--since <zxid>", "begin after this transaction", integer(0))
    .option("--once", "end after the first change")
    .option("--no-data", "leave the data out")
    .action(watch);
}

async function watch(paths: readonly string[], options: WatchOptions, command: Command): Promise<void> {
  const { client, output } = workplaceOf(command);
  const { scope, types, initial, since, once, data } = options;
  const request = { paths, scope, types, initial, sinceZxid: since, once, data };
  const disconnected = ({ message }: Error) =>
    output.note(`${message} It goes on when the service is there.`);
  const suspended = () =>
    output.note("The server cannot reach its log: what happens now is told when it can again.");
  const connected = () => output.note("The server reaches its log again.");
  for await (const message of client.watch(request, { disconnected, suspended, connected }))
    await tell(message, output);
}

async function tell(message: WatchMessage, output: Output): Promise<void> {
  switch (message.type) {
    case "snapshot":
      for (const znode of message.znodes) {
        const json = { zxid: message.zxid, type: "exists", ...znodeJson(znode) };
        await output.line(() => inLine(message.zxid, { ...znode, type: "exists" }), json);
      }
      return;
    case "change": {
      const { zxid, timeMs, cause, session, events } = message;
      for (const event of events) {
        const json = { zxid, timeMs, cause, session, ...eventJson(event) };
        await output.line(() => inLine(zxid, event), json);
      }
      return;
    }
    case "reset":
      output.note(`What happened before zxid ${message.zxid} cannot be told (${message.reason}).`);
  }
}

function typesIn(text: string): EventType[] {
  return text.split(",").map((name) => {
    const type = eventTypes.find((candidate) => candidate === name);
    if (type !== undefined) return type;
    throw new InvalidArgumentError(`They are ${eventTypes.join(", ")}.`);
  });
}

type Shown = Pick<ZnodeEvent, "path" | "data"> & { readonly type: EventType | "exists" };

const colours = { exists: "dim", created: "green", changed: "yellow", deleted: "red" } as const;

function inLine(zxid: number, { type, path, data }: Shown): Line {
  const told = data === undefined ? path : `${path} ${dataInLine(data)}`;
  return [`${zxid} `, { colour: colours[type], words: type }, ` ${told}`];
}
