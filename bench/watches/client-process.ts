// Processes that hold streams, for the time of some work.

import { CommandProcess } from "../support/command-process.ts";
import type { Commands } from "./client.ts";

export type WatchClient = CommandProcess<Commands>;

/** Clients for the time of the work. */
export async function withClients<T>(
  count: number,
  work: (clients: readonly WatchClient[]) => Promise<T>,
): Promise<T> {
  const file = new URL("./client.ts", import.meta.url);
  const clients = Array.from({ length: count }, () => new CommandProcess<Commands>(file));
  try {
    return await work(clients);
  } finally {
    await Promise.all(clients.map((client) => client.end()));
  }
}
