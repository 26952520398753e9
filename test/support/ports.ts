// Ports for servers whose address must be known before they say it. The system gives its own free ports to whatever connects
// to somewhere: until a server listens there, one of those may be taken by any connection. So they are taken from below them.

import { once } from "node:events";
import { createServer, type Server } from "node:net";

/** Systems give out ports from 32768 on, unless somebody has set it otherwise. */
const lowest = 10_000;
const highest = 32_767;

export async function freePort(): Promise<string> {
  const [port] = await freePorts(1);
  return port as string;
}

/** Each another one. */
export async function freePorts(count: number): Promise<string[]> {
  const held = new Map<string, Server>();
  while (held.size < count) {
    const port = lowest + Math.floor(Math.random() * (highest - lowest + 1));
    const server = await heldAt(port);
    if (server !== null) held.set(String(port), server);
  }
  for (const server of held.values()) server.close();
  return [...held.keys()];
}

/** Null where somebody else listens. */
async function heldAt(port: number): Promise<Server | null> {
  const server = createServer().listen(port, "127.0.0.1");
  try {
    await once(server, "listening");
    return server;
  } catch {
    return null;
  }
}
