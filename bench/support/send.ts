// One request over a connection that is kept, for load that is measured: with less around it than fetch has.

import { Agent, request } from "node:http";

const agent = new Agent({ keepAlive: true });

export interface Message {
  readonly method: string;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** @throws Error unless the answer is a success */
export function send(url: string, { method, body, headers = {} }: Message): Promise<string> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { agent, method, headers }, (answer) => {
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
    sent.end(body);
  });
}
