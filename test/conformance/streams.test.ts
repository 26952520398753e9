// What all event streams have in common on the wire, whatever they tell: how their bytes are cut into events, and how
// clients that are no EventSource come back to them.

import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { type Http, withBearer } from "../support/http.ts";
import { expect, expectProblem, expectStatus, test, tokenOf, urlOf } from "./fixture.ts";

/** A stream of each kind, with a heartbeat soon where one can ask for it. */
const streams = {
  watch: () => "/v1/watch?path=/&heartbeatMs=100",
  "watch with a snapshot": () => "/v1/watch?path=/&initial=true&heartbeatMs=100",
  "watch that is reset": () => "/v1/watch?path=/&sinceZxid=9000000000000000&heartbeatMs=100",
  service: ({ name }) => `/v1/services/${name}/events?heartbeatMs=100`,
  lock: ({ name }) => `/v1/locks/${name}/events`,
  election: ({ name }) => `/v1/elections/${name}/events`,
  session: ({ id }) => `/v1/sessions/${id}/events`,
} satisfies Record<string, (part: { name: string; id: string }) => string>;

const kinds = Object.keys(streams) as (keyof typeof streams)[];

function named(): string {
  return `streams-${randomBytes(8).toString("hex")}`;
}

/** Reads until the text is as is asked for, as it came, and goes away. */
async function textOf(http: Http, url: string, isEnough: (text: string) => boolean): Promise<string> {
  const socket = await http.connect();
  const { host } = new URL(http.url);
  socket.write(withBearer(`GET ${url} HTTP/1.0\r\nHost: ${host}\r\nAccept: text/event-stream\r\n\r\n`));
  let text = "";
  socket.setEncoding("utf8").on("data", (part: string) => {
    text += part;
    if (isEnough(bodyIn(text))) socket.destroy();
  });
  socket.setTimeout(20_000, () => socket.destroy());
  await once(socket, "close");
  return bodyIn(text);
}

function bodyIn(answer: string): string {
  return answer.split("\r\n\r\n").slice(1).join("\r\n\r\n");
}

test.for(kinds)(
  "every blank line of a %s stream ends an event that has data",
  async (kind, { http, openSession }) => {
    const { id } = await openSession();
    const url = streams[kind]({ name: named(), id });
    const hasHeartbeat = url.includes("heartbeatMs");
    const text = await textOf(
      http,
      url,
      (read) => /\n\n/.test(read) && (!hasHeartbeat || /\n: hb\n/.test(read)),
    );
    const blocks = text.split("\n\n");
    const rest = blocks.pop() as string;
    expect(blocks.length).toBeGreaterThan(0);
    for (const block of blocks) expect(block).toMatch(/^data: ./m);
    expect(blocks[0]).toMatch(/^retry: [123]\d{3}$/m);
    expect(text.match(/^retry: /gm)).toHaveLength(1);
    if (hasHeartbeat) expect(rest).toMatch(/^(: hb\n)+$/);
  },
);

test.for(kinds)(
  "a %s stream takes lastEventId in its query, as stand-ins for EventSource send it",
  async (kind, { http, openSession }) => {
    const { id } = await openSession();
    const url = streams[kind]({ name: named(), id });
    for (const lastEventId of ["", "1", "9000000000000000"]) {
      const stream = await http.stream(`${url}${url.includes("?") ? "&" : "?"}lastEventId=${lastEventId}`);
      await stream.until(() => stream.events.length > 0);
      stream.close();
    }
  },
);

test("lastEventId in the query resumes as the header does; it goes before sinceZxid, and the header before it", async ({
  http,
  root,
  znodes,
  watch,
}) => {
  const { stat } = await znodes.create(`${root}/a`, "one");
  const { mzxid } = await znodes.set(`${root}/a`, "two");
  await znodes.set(`${root}/a`, "three");
  const query = `path=${root}/a&initial=true`;
  const told = async (asked: string, headers: Record<string, string> = {}) => {
    const stream = await watch(`${query}${asked}`, headers);
    await stream.untilEvent("synced");
    return stream.events.map(({ event }) => event);
  };
  const { czxid } = stat;
  expect(await told(`&lastEventId=${czxid}`)).toEqual(["change", "change", "synced"]);
  expect(await told(`&lastEventId=${czxid}&sinceZxid=${mzxid}`)).toEqual(["change", "change", "synced"]);
  const newer = { "last-event-id": String(mzxid) };
  expect(await told(`&lastEventId=${czxid}`, newer)).toEqual(["change", "synced"]);
  expect(await told("&lastEventId=")).toEqual(["snapshot", "synced"]);
  expect(await told("&lastEventId=", newer)).toEqual(["change", "synced"]);
  expect(await told("&lastEventId=none")).toEqual(["reset", "snapshot", "synced"]);
  const refused = await http.get("/v1/watch", { query: `${query}&lastEventId=none` });
  expectProblem(refused, 400, "bad_request");
});

test("lastEventId resumes the stream of a service", async ({ http, znodes, openSession }) => {
  const name = named();
  const session = await openSession();
  const url = `/v1/services/${name}/instances/${session.id}`;
  const json = { address: "10.0.0.1", port: 80 };
  expectStatus(await http.put(url, { json, ...tokenOf(session) }), 201);
  const before = (await znodes.stat(`/services/${name}/${session.id}`)).czxid - 1;
  const stream = await http.stream(`/v1/services/${name}/events?lastEventId=${before}`);
  await stream.untilEvent("synced");
  expect(stream.events.map(({ event }) => event)).toEqual(["added", "synced"]);
  stream.close();
  expectStatus(await http.delete(urlOf(`/services/${name}`), { query: "recursive=true" }), 204);
});

test("a long poll after a transaction that never happened is told so at once, as streams are", async ({
  http,
  root,
}) => {
  const { zxid } = expectStatus(await http.get(urlOf(root)), 200);
  for (const url of [urlOf(root), urlOf(`${root}/none`), `/v1/children${root}`]) {
    const query = { waitAfterZxid: zxid + 1_000_000, waitMs: 60_000 };
    const problem = expectProblem(await http.get(url, { query }), 410, "history_trimmed");
    expect(problem).toMatchObject({ reason: "unknown_zxid", oldestZxid: expect.any(Number) });
    expect(problem.detail).toContain(`Zxid ${zxid + 1_000_000} has not happened here`);
  }
});
