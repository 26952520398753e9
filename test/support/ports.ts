// A port for a server whose address must be known before it says it.

import { once } from "node:events";
import { createServer } from "node:net";

export async function freePort(): Promise<string> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { readonly port: number };
  server.close();
  return String(port);
}
