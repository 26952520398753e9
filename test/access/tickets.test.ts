// Tickets: how a stream is opened by who cannot send a header, and what they are not good for.

import { pino } from "pino";
import { expect } from "vitest";
import { Tickets, ticketMsMax, ticketsMax, ticketsPerCallerMax } from "../../src/access/tickets.ts";
import { openPermits } from "../../src/core/access/permits.ts";
import { KeeperError } from "../../src/core/errors.ts";
import { withoutTicket } from "../../src/routes/http/credentials.ts";
import { exampleOf } from "../browser/site.ts";
import { serveFor, test } from "../routes/server-fixture.ts";
import { addTokenWith, type Bearer, turnOnAccess } from "../support/access.ts";
import { FakeClock } from "../support/fake-clock.ts";
import type { Answer, Http } from "../support/http.ts";
import { plain } from "../support/keeper.ts";

const watchUrl = "/v1/watch?path=/app";

async function giveTicket(http: Http, headers: Bearer): Promise<string> {
  const answer = await http.post("/v1/tickets", { headers });
  expect([answer.status, answer.header("cache-control")]).toEqual([201, "no-store"]);
  const { ticket, validForMs } = answer.json<{ ticket: string; validForMs: number }>();
  expect(validForMs).toBe(ticketMsMax);
  return ticket;
}

async function expectStream(http: Http, url: string): Promise<void> {
  const stream = await http.stream(url);
  await stream.untilEvent("synced");
  stream.close();
}

function expectNoOne(answer: Answer): void {
  expect([answer.status, answer.code]).toEqual([401, "unauthenticated"]);
}

test("a ticket opens one stream of any kind as whoever asked for it, once", async ({ keeper, http }) => {
  await turnOnAccess(keeper.store);
  const rules = [
    { prefix: "/", allow: ["session"] },
    ...["/app", "/locks", "/elections", "/services"].map((prefix) => ({ prefix, allow: ["read"] as const })),
  ] as const;
  const headers = await addTokenWith(keeper.store, "a", rules);
  const { id } = (await http.post("/v1/sessions", { headers })).json<{ id: string }>();
  const urls = [
    `${watchUrl}&`,
    `/v1/sessions/${id}/events?`,
    "/v1/locks/a/events?",
    "/v1/elections/a/events?",
    "/v1/services/a/events?",
  ];
  for (const url of urls) {
    const withTicket = `${url}ticket=${await giveTicket(http, headers)}`;
    const stream = await http.stream(withTicket);
    await stream.until(() => stream.events.length > 0);
    expect(stream.headers.get("referrer-policy")).toBe("no-referrer");
    stream.close();
    expectNoOne(await http.get(withTicket));
  }
  const ticket = await giveTicket(http, headers);
  expect((await http.get(`/v1/watch?path=/other&ticket=${ticket}`)).code).toBe("forbidden");
  expectNoOne(await http.get(`${watchUrl}&ticket=${ticket}`));
});

test("a ticket that is used, late, unknown or none is refused in the same words, whatever else is shown", async ({
  keeper,
  http,
}) => {
  const root = await turnOnAccess(keeper.store);
  const [used, late] = [await giveTicket(http, root), await giveTicket(http, root)];
  await expectStream(http, `${watchUrl}&ticket=${used}`);
  await keeper.clock.advance(ticketMsMax);
  const unknown = `${used.slice(0, -4)}AAAA`;
  const tickets = [used, late, unknown, "", "none", "x".repeat(4000), `${unknown}&ticket=${unknown}`, "%00"];
  const answers = await Promise.all(
    tickets.map((ticket) => http.get(`${watchUrl}&ticket=${ticket}`, { headers: root })),
  );
  const nothing = await http.get(watchUrl);
  for (const answer of answers) {
    expectNoOne(answer);
    expect(answer.text).toBe(nothing.text);
  }
});

/** The code of docs/browser.md, with something in place of the browser's EventSource. */
type OpenWithTicket = (
  service: string,
  token: string,
  query: object,
  lastEventId?: string,
) => Promise<{ url: string }>;

function openWithTicketFor(EventSource: new (url: string) => { url: string }): OpenWithTicket {
  const code = exampleOf("docs/browser.md", "Tickets");
  return new Function("EventSource", `${code}; return openWithTicket;`)(EventSource) as OpenWithTicket;
}

class OpenedUrl {
  readonly url: string;

  constructor(url: string) {
    this.url = url;
  }
}

test("the code of docs/browser.md opens a stream with a token, and goes on where that one ended", async ({
  keeper,
  http,
}) => {
  const { authorization } = await turnOnAccess(keeper.store);
  const openWithTicket = openWithTicketFor(OpenedUrl);
  const open = async (lastEventId?: string) => {
    const token = authorization.replace("Bearer ", "");
    const { url } = await openWithTicket(http.url, token, { path: "/app" }, lastEventId);
    return await http.stream(url.replace(http.url, ""));
  };
  const first = await open();
  const { id } = await first.untilEvent("synced");
  await keeper.create("/app", plain, "", { principal: "system" });
  expect(await first.untilChanges(1)).toEqual(["created /app"]);
  const second = await open(id);
  expect(await second.untilChanges(1)).toEqual(["created /app"]);
  for (const stream of [first, second]) stream.close();
});

test("a ticket ends with what it was asked for with, and so does its stream", async ({ keeper, http }) => {
  const root = await turnOnAccess(keeper.store);
  const headers = await addTokenWith(keeper.store, "a", [{ prefix: "/app", allow: ["read"] }]);
  const [first, second] = [await giveTicket(http, headers), await giveTicket(http, headers)];
  const stream = await http.stream(`${watchUrl}&ticket=${first}`);
  await stream.untilEvent("synced");
  await http.delete("/v1/admin/tokens/a", { headers: root });
  expect((await stream.untilEvent("bye")).data).toEqual({ reason: "unauthorised" });
  expectNoOne(await http.get(`${watchUrl}&ticket=${second}`));
});

test("nothing but a stream takes a ticket, and a body takes none", async ({ keeper, http }) => {
  const root = await turnOnAccess(keeper.store);
  const ticket = await giveTicket(http, root);
  const asked = [
    http.get(`/v1/znodes/app?ticket=${ticket}`),
    http.get(`/v1/locks/a?ticket=${ticket}`),
    http.post(`/v1/tickets?ticket=${ticket}`),
    http.post("/v1/watch", { json: { path: ["/app"], ticket } }),
    http.post(`/v1/watch?ticket=${ticket}`, { json: { path: ["/app"] } }),
  ];
  for (const answer of await Promise.all(asked)) expectNoOne(answer);
  await expectStream(http, `${watchUrl}&ticket=${ticket}`);
});

test("where access control is off a ticket is given and not needed", async ({ http }) => {
  const ticket = await giveTicket(http, {} as Bearer);
  await expectStream(http, `${watchUrl}&ticket=${ticket}none`);
});

function callerNamed(by: string) {
  return { permits: { ...openPermits, by } };
}

function limitOf(attempt: () => unknown): string {
  try {
    attempt();
  } catch (error) {
    if (error instanceof KeeperError) return `${error.code} ${error.details.limit}`;
  }
  return "given";
}

test("one caller has so many tickets, all together have so many, and time gives room", async () => {
  const clock = new FakeClock();
  const tickets = new Tickets(clock);
  const [one, other] = [callerNamed("one"), callerNamed("other")];
  const given = Array.from({ length: ticketsPerCallerMax }, () => tickets.give(one));
  expect(limitOf(() => tickets.give(one))).toBe("throttled ticketsPerCallerMax");
  expect(limitOf(() => tickets.give(other))).toBe("given");
  expect(tickets.take(given[0])).toBe(one);
  expect(limitOf(() => tickets.give(one))).toBe("given");
  for (let count = ticketsPerCallerMax + 1; count < ticketsMax; count += 1)
    tickets.give(callerNamed(`c${count}`));
  expect(limitOf(() => tickets.give(other))).toBe("throttled ticketsMax");
  await clock.advance(ticketMsMax);
  for (let count = 0; count < ticketsPerCallerMax; count += 1) tickets.give(one);
  expect(tickets.take(given[1])).toBeUndefined();
});

test("the log of requests has no ticket in it, be it good or not", async ({ keeper, watches }) => {
  const lines: string[] = [];
  const logger = pino({ level: "debug" }, { write: (line) => void lines.push(line) });
  const { http, close } = await serveFor(keeper, watches, { logger });
  const root = await turnOnAccess(keeper.store);
  const tickets = [await giveTicket(http, root), `tt_${"x".repeat(43)}`];
  const codes: string[] = [];
  for (const ticket of tickets) codes.push((await http.get(`/v1/watch?path=app&ticket=${ticket}`)).code);
  expect(codes).toEqual(["bad_path", "unauthenticated"]);
  await close();
  expect(lines.filter((line) => line.includes("/v1/watch?path=app&ticket=...")).length).toBe(2);
  for (const ticket of tickets) expect(lines.join("")).not.toContain(ticket);
});

test("a ticket is not written down with the URL it stands in, however that spells it", () => {
  expect(withoutTicket("/v1/watch?path=/ticket=1")).toBe("/v1/watch?path=/ticket=1");
  expect(withoutTicket("/v1/ticket=secret")).toBe("/v1/ticket=secret");
  const urls = [
    "?ticket=secret",
    "?a=1&ticket=secret&b=2",
    "?%74icket=secret",
    "?t%69c%6Bet=secret",
    "?Ticket=secret?x",
  ];
  for (const url of urls) expect(withoutTicket(`/v1/watch${url}`)).not.toContain("secret");
});
