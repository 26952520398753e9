// What a workload finds when it begins: nothing that another one has left behind, and a point in the history that it goes on from.

import { Http } from "../../support/http.ts";
import { trials } from "./contention.ts";
import { counterName, root } from "./register-client.ts";
import { within } from "./within.ts";

const leftBehind = [root, `/counters/${counterName}`, "/work"];

export async function clear(url: string): Promise<void> {
  const http = new Http(url);
  await within("nobody held what an earlier workload was about", async () => {
    const lists = trials.map(({ trial }) => http.get(`/v1/children/locks/${trial}?consistency=linearizable`));
    return (await Promise.all(lists)).every(
      (answer) =>
        answer.status === 404 || answer.json<{ children: readonly string[] }>().children.length === 0,
    );
  });
  for (const path of leftBehind) {
    const { status, text } = await http.delete(`/v1/znodes${path}?recursive=true`);
    if (status >= 300 && status !== 404) throw new Error(`${path} could not be taken away: ${text}`);
  }
}

/** As a stream gives it, with its epoch. */
export async function lastIdAt(url: string): Promise<string> {
  const stream = await new Http(url).stream("/v1/watch", { query: "path=/" });
  await stream.until(() => stream.lastId !== undefined);
  stream.close();
  return String(stream.lastId);
}
