// One request, over a connection that is kept unless it is to have its own, for load that is measured: with less around it
// than fetch has.

import { Agent, type ClientRequest, request as requestPlain } from "node:http";
import { request as requestSecure, Agent as SecureAgent } from "node:https";

const agent = new Agent({ keepAlive: true });
const secureAgent = new SecureAgent({ keepAlive: true });

export interface Message {
  readonly method: string;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Whether it has a connection of its own. */
  readonly isFresh?: boolean;
  /** Time without a byte of the answer after which it is given up; none unless given. */
  readonly silenceMsMax?: number;
}

/** @throws Error unless the answer is a success */
export function send(url: string, message: Message): Promise<string> {
  const { method, body, silenceMsMax } = message;
  return new Promise((resolve, reject) => {
    const sent = begin(url, message).once("response", (answer) => {
      let text = "";
      answer.setEncoding("utf8").on("data", (piece: string) => {
        text += piece;
      });
      answer.once("error", reject);
      answer.once("end", () => {
        const { statusCode = 0 } = answer;
        if (statusCode >= 200 && statusCode < 300) resolve(text);
        else reject(new Error(`${method} ${url} was answered with ${statusCode}: ${text}`));
      });
    });
    sent.once("error", reject);
    if (silenceMsMax !== undefined)
      sent.setTimeout(silenceMsMax, () => sent.destroy(new Error(`${method} ${url} was not answered.`)));
    sent.end(body);
  });
}

function begin(url: string, { method, headers = {}, isFresh = false }: Message): ClientRequest {
  const isSecure = url.startsWith("https:");
  const kept = isSecure ? secureAgent : agent;
  const options = { agent: isFresh ? false : kept, method, headers } as const;
  return isSecure ? requestSecure(url, options) : requestPlain(url, options);
}
