// Waits until a server says that the log is out of reach.

import { expect } from "vitest";
import { Http } from "../../support/http.ts";

export async function untilSuspended(url: string): Promise<void> {
  const http = new Http(url);
  // What was sent before it was known waits, since it may be in the log: so each is asked anew.
  const asked = () =>
    fetch(`${url}/v1/znodes/none`, { method: "PUT", body: "x", signal: AbortSignal.timeout(500) });
  const code = async () => ((await (await asked()).json()) as { code: string }).code;
  await expect.poll(() => code().catch(() => ""), { timeout: 20_000 }).toBe("suspended");
  expect((await http.get("/readyz")).status).toBe(503);
}
