// More writes than the line to the log has room for: those beyond it are refused and were not done, and what keeps or
// ends a session always gets through. All are sent in one go on one connection, so many that the line is full at times for
// sure, though they begin bit by bit.

import { expect } from "vitest";
import { Http } from "../support/http.ts";
import { test } from "../support/process.ts";

const writesCount = 300;

interface Answered {
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

/** The answers to requests that were sent together, in their order. */
async function sendTogether(http: Http, requests: readonly string[]): Promise<Answered[]> {
  const last = "GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
  const socket = await http.connect();
  socket.write(requests.join("") + last);
  const text = (await socket.setEncoding("utf8").toArray()).join("");
  return text
    .split(/^(?=HTTP\/1\.1 \d{3} )/m)
    .slice(0, -1)
    .map((answer) => {
      const [head = "", body = ""] = answer.split("\r\n\r\n");
      return { status: Number(head.slice(9, 12)), head: head.toLowerCase(), body };
    });
}

function create(index: number): string {
  return `POST /v1/znodes/n${index} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n`;
}

test("beyond the queue writes get 429 with Retry-After and were not done; keepalives and closes pass [L1, L2]", async ({
  start,
}) => {
  const http = new Http(
    (await start("--queue-commands-max", "2", "--queue-commands-per-client-max", "2")).url,
  );
  const open = async () => (await http.post("/v1/sessions")).json<{ id: string; token: string }>();
  const sessions = [await open(), await open()] as const;
  const forSession = (method: string, { id, token }: { id: string; token: string }) =>
    `${method} /v1/sessions/${id} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nSession-Token: ${token}\r\n\r\n`;

  const writes = Array.from({ length: writesCount }, (_, index) => create(index));
  const passing = [forSession("PUT", sessions[0]), forSession("DELETE", sessions[1])];
  const answers = await sendTogether(http, [...writes, ...passing, create(writesCount)]);
  expect(answers.length).toBe(writesCount + 3);
  expect(answers.slice(writesCount, writesCount + 2).map(({ status }) => status)).toEqual([200, 204]);

  const creates = answers.filter((_, index) => index < writesCount || index === writesCount + 2);
  const refused = creates.filter(({ status }) => status === 429);
  expect(refused.length).toBeGreaterThan(20);
  for (const { head, body } of refused) {
    expect(head).toContain("retry-after: 1");
    const limit = { limit: "queueCommandsMax", limitValue: 2 };
    expect(JSON.parse(body)).toMatchObject({ code: "throttled", status: 429, ...limit });
  }
  const { children } = (await http.get("/v1/children?limit=1000")).json<{ children: string[] }>();
  const done = creates.flatMap(({ status }, index) => (status === 201 ? [`n${index}`] : []));
  expect(children.toSorted()).toEqual(done.toSorted());
  expect(done.length + refused.length).toBe(writesCount + 1);
  expect((await http.post("/v1/znodes/later")).status).toBe(201);
});
