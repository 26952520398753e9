// The table of attacks. Each is what one client may do who has found the port, and most of them with a token of its own that
// is good for a corner of the tree: whoever has none is turned away sooner.

import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { send } from "../support/send.ts";
import { type Assault, connectHostile, hostilePath, type Target } from "./assault.ts";
import { Crowd, type CrowdKind } from "./crowd.ts";
import { Resets } from "./resets.ts";
import { Volley, type VolleyKind } from "./volley.ts";

export interface Attack {
  /** Whether it is one on the service with TLS, and so with HTTP/2. */
  readonly isSecure: boolean;
  begin(target: Target): Assault | Promise<Assault>;
}

const attacks = {
  "slow headers": crowd(({ guest }) => ({
    size: 1000,
    first: `${requestLine("GET", hostilePath)}Authorization: ${guest}\r\nX-Slow: `,
    afterwards: "drip",
    reads: "all",
  })),
  "slow bodies": crowd(({ guest }) => ({
    size: 1000,
    first: headOf(guest, "PUT", `${hostilePath}/large`, "Content-Length: 1000000\r\n"),
    afterwards: "drip",
    reads: "all",
  })),
  "slow readers": crowd(({ guest }) => ({
    size: 500,
    // Eight mebibytes for each, so that it is the service's bound that they meet and not the system's buffers.
    first: headOf(guest, "GET", `${hostilePath}/large`).repeat(8),
    afterwards: "silence",
    reads: "drip",
  })),
  "half-open sockets": crowd(({ guest }) => ({
    size: 1000,
    first: headOf(guest, "PUT", `${hostilePath}/large`, "Content-Length: 1000000\r\n"),
    afterwards: "end",
    reads: "all",
  })),
  "idle connections": crowd(() => ({
    size: 10_000,
    // One that never asked is closed sooner.
    first: "HEAD /livez HTTP/1.1\r\nHost: localhost\r\n\r\n",
    afterwards: "silence",
    reads: "all",
  })),
  "header bombs": volley(({ guest }) => ({
    connections: 8,
    together: 4,
    request: inTurn(headerBombs(guest)),
  })),
  "deep JSON": volley(({ guest }) => ({ connections: 4, together: 1, request: inTurn(deepBodies(guest)) })),
  "path tricks": volley(({ guest }) => ({
    connections: 8,
    together: 8,
    request: inTurn(trickyPaths(guest)),
  })),
  guessing: volley(() => ({ connections: 8, together: 8, request: guessAt })),
  "ticket reuse": { isSecure: false, begin: reuseTicket },
  "HTTP/2 resets": { isSecure: true, begin: (target: Target) => new Resets(target) },
} satisfies Record<string, Attack>;

export type AttackName = keyof typeof attacks;

export const attackNames = Object.keys(attacks) as AttackName[];

export function attackOf(name: AttackName): Attack {
  return attacks[name];
}

function crowd(kindFor: (target: Target) => CrowdKind): Attack {
  return { isSecure: false, begin: (target) => new Crowd(target, kindFor(target)) };
}

function volley(kindFor: (target: Target) => VolleyKind): Attack {
  return { isSecure: false, begin: (target) => new Volley(target, kindFor(target)) };
}

function inTurn(requests: readonly Buffer[]): (number: number) => Buffer {
  return (number) => requests[number % requests.length] as Buffer;
}

/** Of a znode, from its path as it is in a URL. */
function requestLine(method: string, path: string): string {
  return lineOf(method, `/v1/znodes${path}`);
}

function lineOf(method: string, target: string): string {
  return `${method} ${target} HTTP/1.1\r\nHost: localhost\r\n`;
}

/** @param headers whole lines, each with its end */
function headOf(guest: string, method: string, path: string, headers = ""): string {
  return `${requestLine(method, path)}Authorization: ${guest}\r\n${headers}\r\n`;
}

/** Up to the bounds on bytes and on headers, and beyond them. */
function headerBombs(guest: string): Buffer[] {
  const many = (count: number) => Array.from({ length: count }, (_, index) => `X-${index}: y\r\n`).join("");
  const bombs = [
    `X-Long: ${"y".repeat(47_000)}\r\n`,
    many(900),
    many(900).replaceAll(/X-\d+/g, "X-Same"),
    `Cookie: ${"a=b; ".repeat(9000)}\r\n`,
    `Accept: ${"text/html;q=0.1, ".repeat(2500)}\r\n`,
    `If-None-Match: ${'"1-1", '.repeat(6000)}\r\n`,
    many(2000),
    `X-Long: ${"y".repeat(100_000)}\r\n`,
  ];
  return bombs.map((bomb) => Buffer.from(headOf(guest, "GET", hostilePath, bomb)));
}

/** Nested as deep as a body is long, as wide as is read, and strings that are longer to write than to keep. */
function deepBodies(guest: string): Buffer[] {
  const set = (data: string) => `{"op":"set","path":"${hostilePath}/large","data":${data}}`;
  const operations = (inner: string) => `{"operations":[${inner}]}`;
  const deep = 30;
  const bodies = [
    "[".repeat(1_000_000),
    '{"operations":'.repeat(70_000),
    operations(set("[".repeat(deep) + "]".repeat(deep))),
    operations(Array.from({ length: 1000 }, () => set('"x"')).join(",")),
    operations(Array.from({ length: 24_000 }, () => "[]").join(",")),
    operations(set(`"${"\\u0061".repeat(160_000)}"`)),
    operations(`{${Array.from({ length: 40_000 }, (_, index) => `"k${index}":0`).join(",")}}`),
    operations(set(`"${"\\".repeat(2_000_000)}"`)),
  ];
  return bodies.map((body) => {
    const headers = `Authorization: ${guest}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n`;
    return Buffer.from(`${lineOf("POST", "/v1/transactions")}${headers}\r\n${body}`);
  });
}

/** What has led out of other trees, and what is long to look at. */
function trickyPaths(guest: string): Buffer[] {
  const paths = [
    "/../../etc/passwd",
    "/%2e%2e/%2e%2e/etc/passwd",
    `${hostilePath}/..%2f..%2fbench`,
    `${hostilePath}/%00`,
    `${hostilePath}/%c0%ae%c0%ae/bench`,
    `${hostilePath}/%ed%a0%80`,
    `${hostilePath}//bench`,
    `${hostilePath}/.`,
    `${hostilePath}/\\..\\bench`,
    `${hostilePath}%2Fbench`,
    `${hostilePath}/%`,
    `${hostilePath}${"/a".repeat(2000)}`,
    `${hostilePath}/${"%F0%9F%98%80".repeat(1000)}`,
    `${hostilePath}/${"%25".repeat(4000)}`,
    `${hostilePath}${"/..".repeat(10_000)}`,
    `${hostilePath}?${"a=b&".repeat(10_000)}`,
    `${hostilePath}?${"%61".repeat(10_000)}=1`,
  ];
  return paths.map((path) => Buffer.from(headOf(guest, "GET", path)));
}

/** Tokens of each kind, and sessions by their ids, each new. */
function guessAt(number: number): Buffer {
  const secret = randomBytes(32).toString("base64url");
  const guesses = [
    headOf(`Bearer tk_${secret}`, "GET", hostilePath),
    headOf(`Bearer ${secret}.${secret}.${secret}`, "GET", hostilePath),
    headOf(`Basic ${Buffer.from(`admin:${secret}`).toString("base64")}`, "GET", hostilePath),
    headOf(`Bearer tk_${secret}`, "GET", hostilePath, `Session-Token: ${secret}\r\n`),
    `${lineOf("PUT", `/v1/sessions/${number}`)}Session-Token: ${secret}\r\n\r\n`,
    `${lineOf("DELETE", `/v1/sessions/${number}`)}Authorization: Bearer tk_${secret}\r\n\r\n`,
    `${lineOf("GET", `/v1/watch?path=/bench&ticket=tt_${secret}`)}\r\n`,
  ];
  return Buffer.from(guesses[number % guesses.length] as string);
}

/** One ticket, which was good for the stream that it opened, and is shown again and again. */
async function reuseTicket(target: Target): Promise<Assault> {
  const headers = { Authorization: target.guest };
  const answer = await send(`${target.baseUrl}/v1/tickets`, { method: "POST", headers });
  const { ticket } = JSON.parse(answer) as { readonly ticket: string };
  const request = Buffer.from(`${lineOf("GET", `/v1/watch?path=${hostilePath}&ticket=${ticket}`)}\r\n`);
  const stream = connectHostile(target.baseUrl);
  stream.write(request);
  // It has begun: whoever shows the ticket from here on comes too late.
  await once(stream, "data");
  return new Volley(target, { connections: 8, together: 8, request: () => request });
}
