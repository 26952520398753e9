// `healthcheck`: asks the service of these settings, on this machine, whether it runs, and ends with 0 or 1. It is for what
// starts a service again that does not answer, so it asks /livez: a full disk, which /readyz tells, no restart empties.

import { readFileSync } from "node:fs";
import { request as plainRequest } from "node:http";
import { request as tlsRequest } from "node:https";
import { messageOf } from "./followed-files.ts";
import { readConfig } from "./settings/config.ts";
import { dropForeignVariables } from "./settings/environment.ts";
import type { Config } from "./settings/settings.ts";

/** Who asks would wait for ever for a service that hangs. */
const answerWithinMs = 5000;

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
dropForeignVariables(process.env);
const fault = await faultOf(readConfig(process.argv, version));
if (fault !== null) process.stderr.write(`error: ${fault}\n`);
process.exit(fault === null ? 0 : 1);

async function faultOf(config: Config): Promise<string | null> {
  if (config.port === 0) return "--port is 0, so that nobody knows where the service listens; name one.";
  const where = `port ${config.port} of ${ownAddressOf(config.host)}`;
  try {
    const status = await statusOf(config);
    return status === 200 ? null : `What listens on ${where} answers ${status}.`;
  } catch (error) {
    const { name } = error as Error;
    const reason = name === "AbortError" ? `not within ${answerWithinMs} ms` : messageOf(error);
    return `The service does not answer on ${where}: ${reason}.`;
  }
}

/** What is asked gets no secret and is believed nothing but that it answers, whatever its certificate says. */
async function statusOf({ host, port, tlsCert }: Config): Promise<number | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<number | undefined>();
  const options = {
    ...{ host: ownAddressOf(host), port, path: "/livez", agent: false },
    signal: AbortSignal.timeout(answerWithinMs),
  };
  const request =
    tlsCert === "" ? plainRequest(options) : tlsRequest({ ...options, rejectUnauthorized: false });
  request.once("response", ({ statusCode }) => resolve(statusCode)).once("error", reject);
  request.end();
  return await promise;
}

/** Where all addresses are listened on, this machine's own is one of them. */
function ownAddressOf(host: string): string {
  return { "0.0.0.0": "127.0.0.1", "::": "::1" }[host] ?? host;
}
