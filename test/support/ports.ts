// Ports for servers whose address must be known before they say it.

import { once } from "node:events";
import { createServer } from "node:net";

export async function freePort(): Promise<string> {
  const [port] = await freePorts(1);
  return port as string;
}

/** Each another one. */
export async function freePorts(count: number): Promise<string[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  await Promise.all(servers.map((server) => once(server, "listening")));
  const ports = servers.map((server) => String((server.address() as { readonly port: number }).port));
  for (const server of servers) server.close();
  return ports;
}
