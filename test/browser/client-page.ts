// What a page does with the client. It runs in the browser.

import { Client, RequestError } from "../../src/client/index.ts";

/** What it returns is what the page has seen. */
export async function useClient(endpoint: string): Promise<unknown[]> {
  const client = new Client({ endpoint });
  const session = await client.openSession({ timeoutMs: 4000 });
  const states: string[] = [];
  session.onStateChanged((state) => states.push(state));
  const made = await session.create("/page", "ä", { mode: { kind: "ephemeral" } });
  const fences = [{ path: made.path, czxid: made.stat.czxid }];
  const seen: unknown[] = [made.stat.ephemeralOwner === session.id];
  // Longer than its timeout: it lives by its keepalives.
  const later = await client.get("/page", { waitAfterZxid: made.zxid, waitMs: 6000 });
  seen.push(later.data.text(), session.isValid(), states.includes("lost"));
  const writing = client.transaction([{ op: "create", path: "/other", data: Uint8Array.of(255) }], {
    fences,
  });
  seen.push((await writing).results[0].path);
  for await (const { path, data } of client.subtree("/")) seen.push([path, data?.bytes().length]);
  for await (const message of client.watch({ paths: ["/other"], initial: true })) {
    seen.push(message.type);
    if (message.type === "synced") break;
  }
  await session.close();
  const late = await client.set("/other", "late", { fences }).catch((error: unknown) => error);
  seen.push(late instanceof RequestError && late.code, session.state);
  return seen;
}
