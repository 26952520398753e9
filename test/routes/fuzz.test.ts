// Requests made from the OpenAPI document, whole and broken, against a server of their own: none meets a bug, none is
// left without an answer, and every answer is one the document promises for that operation. Seeded; what is found comes
// back with its seed and its path. By hand: FUZZ_RUNS=… FUZZ_SEED=… vitest run test/routes/fuzz.test.ts

import { Agent, request as send } from "node:http";
import fc from "fast-check";
import { expect } from "vitest";
import { problemKinds } from "../../src/routes/http/problems.ts";
import { logMediaType } from "../../src/store/upstream/frames.ts";
import { Http } from "../support/http.ts";
import {
  type Operation,
  operations,
  type Parameter,
  resolved,
  type Schema,
  violationOf,
} from "../support/openapi.ts";
import { test } from "../support/process.ts";

const seed = Number(process.env.FUZZ_SEED ?? 20_261_122);
const runsByHand = process.env.FUZZ_RUNS;
const bounds = {
  seed,
  numRuns: Number(runsByHand ?? 10_000),
  endOnFailure: false,
  ...(runsByHand === undefined && { interruptAfterTimeLimit: 9000, markInterruptAsFailure: false }),
};
const timeout = runsByHand === undefined ? 60_000 : 3_600_000;
/** No answer takes longer, a long poll of the longest wait sent here included. */
const answerWithinMs = 30_000;
const waitMsSent = 50;

interface Sent {
  readonly operationId: string;
  readonly method: string;
  readonly target: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Buffer | null;
}

interface Received {
  readonly status: number;
  readonly contentType: string | undefined;
  readonly zxid: string | undefined;
  readonly text: string;
}

/** What strings are made of: names that meet each other, and what paths, numbers and JSON trip over. */
const word = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom("a", "b", "a/b", "n-", "services", "e") },
  fc.constantFrom("", ".", "..", "/", "//", "%", "%00", "%2F", "é", "\u0000", "\ud800", "\u{1f642}", "true"),
  fc.constantFrom(
    "null",
    "-1",
    "1e9",
    "0x10",
    "99999999999999999999",
    "__proto__",
    "constructor",
    "*",
    '"1-0"',
  ),
  fc.constantFrom("/a@1", "/a@999999999999999999", "created,deleted", "stat,data", "base64", "subtree"),
  fc.string({ maxLength: 20, unit: "binary" }),
  fc.integer({ min: 200, max: 5000 }).map((length) => "x".repeat(length)),
);

/** Mostly within the bounds it has, and then mostly small. */
function numberWithin({ minimum = -1, maximum = 2 ** 53 - 1 }: Schema): fc.Arbitrary<number> {
  const least = Math.max(minimum, -1);
  const right = fc.integer({ min: least, max: Math.min(least + 3, maximum) });
  return rarely(
    fc.constantFrom(-2, -1, 0, minimum - 1, maximum, maximum + 1, 2 ** 31, 2 ** 53, -(2 ** 53), 1e300, 0.5),
    right,
  );
}

/** A value the schema asks for; a number or text within it may be out of its bounds. */
function valueFor(asked: Schema, tokens: readonly string[]): fc.Arbitrary<unknown> {
  const schema = resolved(asked);
  if (Array.isArray(schema.type)) {
    return fc.oneof(...schema.type.map((type) => valueFor({ ...schema, type }, tokens)));
  }
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  const variants = schema.anyOf ?? schema.oneOf;
  if (variants !== undefined) return fc.oneof(...variants.map((variant) => valueFor(variant, tokens)));
  switch (schema.type) {
    case "null":
      return fc.constant(null);
    case "boolean":
      return fc.boolean();
    case "integer":
      return numberWithin(schema);
    case "array":
      return fc.array(valueFor(schema.items ?? {}, tokens), { maxLength: 4 });
    case "object": {
      const members = Object.entries(schema.properties ?? {});
      const model = Object.fromEntries(
        members.map(([name, member]) => [name, name === "waitMs" ? waitInBody : valueFor(member, tokens)]),
      );
      const { required = [] } = schema;
      return rarely(
        fc.record(model, { requiredKeys: [] }),
        fc.record(model, { requiredKeys: [...required] }),
      );
    }
    default:
      return fc.oneof(word, { weight: 3, arbitrary: patternText(schema) }, fc.constantFrom(...tokens));
  }
}

const waitInBody = rarely<unknown>(fc.constantFrom(-1, 60_001, "soon"), fc.constantFrom(0, 1, waitMsSent));

/** Text as the schema's pattern asks for, where it has one; paths that exist now and then where it has none. */
function patternText({ pattern }: Schema): fc.Arbitrary<string> {
  return typeof pattern === "string"
    ? fc.stringMatching(new RegExp(pattern))
    : fc.constantFrom("/", "/a", "/b", "/a/b", "/e", "/n-", "/services", "a");
}

/** Broken in one place: a member gone, added, or of another type; or the text itself cut, deep, or no text. */
function bodyOf(schema: Schema, tokens: readonly string[]): fc.Arbitrary<Buffer> {
  const whole = valueFor(schema, tokens).map((value) => JSON.stringify(value));
  const cut = fc.tuple(whole, fc.nat(200)).map(([text, at]) => text.slice(0, at));
  const replaced = fc
    .tuple(whole, fc.constantFrom("null", "[]", "{}", "1e999", '"\\ud800"', "[".repeat(50)), fc.nat(20))
    .map(([text, other, at]) => {
      const places = [...text.matchAll(/:(?:"[^"]*"|[^",[\]{}]+)/g)];
      const place = places[at % Math.max(1, places.length)];
      if (place === undefined) return other;
      return `${text.slice(0, place.index)}:${other}${text.slice(place.index + place[0].length)}`;
    });
  const added = whole.map((text) => text.replace("{", '{"surprise":1,'));
  const strange = fc.constantFrom("", " ", "null", "[]", "0", '""', "{}", '{"__proto__":{}}', "\ufeff{}");
  const texts = fc.oneof({ weight: 8, arbitrary: whole }, cut, replaced, added, strange);
  const noText = fc.uint8Array({ maxLength: 30 }).map((bytes) => Buffer.from(bytes));
  return rarely(
    noText,
    texts.map((text) => Buffer.from(text)),
  );
}

/** Absent, right, wrong, or twice. */
function parameterOf(parameter: Parameter, tokens: readonly string[]): fc.Arbitrary<[string, string][]> {
  const { name, schema, required = false } = parameter;
  const isWait = name === "waitMs";
  const values = isWait
    ? rarely(fc.constantFrom("-1", "60001", "soon"), fc.constantFrom("0", String(waitMsSent)))
    : name === "Session-Token"
      ? rarely(word, fc.constantFrom(...tokens))
      : textOf(schema, tokens);
  const once = values.map((value): [string, string][] => [[name, value]]);
  const twice = fc.tuple(values, values).map((pair) => pair.map((value): [string, string] => [name, value]));
  const none = fc.constant<[string, string][]>([]);
  return fc.oneof(
    { weight: required ? 20 : 4, arbitrary: once },
    { weight: required ? 1 : 20, arbitrary: none },
    { weight: 1, arbitrary: schema.type === "array" ? twice : fc.oneof(once, twice) },
  );
}

/** Once in a dozen: most requests have few faults, or none would get past the first check. */
function rarely<Value>(
  strange: fc.Arbitrary<Value>,
  usual: Value | fc.Arbitrary<Value>,
): fc.Arbitrary<Value> {
  const arbitrary = usual instanceof fc.Arbitrary ? usual : fc.constant(usual);
  return fc.oneof({ weight: 11, arbitrary }, { weight: 1, arbitrary: strange });
}

function textOf(schema: Schema, tokens: readonly string[]): fc.Arbitrary<string> {
  const right = valueFor(schema.type === "array" ? (schema.items ?? {}) : schema, tokens).map(String);
  return rarely(word, right);
}

function requestOf(
  operation: Operation,
  tokens: readonly string[],
  ids: readonly string[],
): fc.Arbitrary<Sent> {
  const parameters = operation.parameters.map((parameter) => parameterOf(parameter, tokens));
  const media = Object.values(operation.requestBody?.content ?? {})[0]?.schema;
  const isData = media?.format === "binary";
  const body: fc.Arbitrary<Buffer | null> =
    media === undefined ? fc.constant(null) : isData ? dataBody : bodyOf(media, tokens);
  const others = fc.constantFrom("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND");
  const method = fc.oneof({ weight: 12, arbitrary: fc.constant(operation.method) }, others);
  const stray = rarely<[string, string] | null>(fc.tuple(word, word), null);
  return fc
    .record({
      method,
      pathWord: rarely(word, fc.constantFrom(...fillingsFor(operation, ids))),
      claimWord: rarely(word, fc.constantFrom(...claimIds)),
      isEncoded: rarely(fc.constant(false), true),
      given: fc.tuple(...parameters),
      stray,
      body: rarely(fc.oneof(fc.constant(null), dataBody), body),
      headers: rarely<[string, string][]>(fc.array(strayHeader, { maxLength: 2 }), []),
    })
    .map(
      ({
        method: sentMethod,
        pathWord,
        claimWord,
        isEncoded,
        given,
        stray: extra,
        body: sentBody,
        headers,
      }) => {
        const placed = operation.parameters.map((parameter, index) => ({
          parameter,
          values: given[index] ?? [],
        }));
        const inPlace = (place: string) =>
          placed.filter(({ parameter }) => parameter.in === place).flatMap(({ values }) => values);
        const query = boundedWait([...inPlace("query"), ...(extra === null ? [] : [extra])]);
        return {
          operationId: operation.operationId,
          method: sentMethod,
          target: targetOf(operation.path, [pathWord, claimWord].map(isEncoded ? encode : asPath), query),
          headers: [...inPlace("header"), ...headers].map(
            ([name, value]) => [name, asHeader(value)] as const,
          ),
          body: sentMethod === "GET" || sentMethod === "HEAD" ? null : sentBody,
        };
      },
    );
}

/** Without it a wait is as long as the server's own default. */
function boundedWait(query: readonly (readonly [string, string])[]) {
  const names = query.map(([name]) => name);
  if (!names.includes("waitAfterZxid") || names.includes("waitMs")) return query;
  return [...query, ["waitMs", String(waitMsSent)] as const];
}

const dataBody = rarely(
  fc.constant(Buffer.alloc(1_048_577)),
  fc.constantFrom(Buffer.alloc(0), Buffer.from("1"), Buffer.from([0xff, 0x00])),
);

/** What stands in the path; only the last session is ever closed, or soon none would be left. */
function fillingsFor({ operationId, path }: Operation, ids: readonly string[]): readonly string[] {
  if (!path.startsWith("/v1/sessions")) return ["a", "b", "e", "a/b", "1"];
  return operationId === "closeSession" ? ids.slice(-1) : ids;
}

const strayHeader = fc.tuple(
  fc.constantFrom(
    "If-Match",
    "If-None-Match",
    "Accept",
    "Content-Type",
    "Last-Event-ID",
    "Expect",
    "Fence",
    "Origin",
  ),
  fc.oneof(
    word,
    fc.constantFrom(
      "*",
      '"1-0"',
      "image/png",
      "text/event-stream",
      "application/json;q=0",
      "100-continue",
      "W/x",
    ),
  ),
);

/** Those that a claim or candidate of the few locks and elections here may have. */
const claimIds = ["x-", "s-", "c-"].flatMap((prefix) =>
  [0, 1, 2].map((number) => `${prefix}000000000${number}`),
);

function targetOf(
  path: string,
  fillings: readonly string[],
  query: readonly (readonly [string, string])[],
): string {
  const text = query.map(([name, value]) => `${encode(name)}=${encode(value)}`).join("&");
  let count = 0;
  const filled = path.replaceAll(/\{\w+\}/g, () => fillings[count++] as string);
  return filled + (text === "" ? "" : `?${text}`);
}

function encode(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}

/** As somebody who does not encode would write it, as far as a client library lets it through. */
function asPath(text: string): string {
  return text.replaceAll(/[^!-~]/g, "%");
}

function asHeader(text: string): string {
  return text.replaceAll(/[^ -~]/g, "?").trim();
}

const agent = new Agent({ keepAlive: true, maxSockets: 8 });

/** The answer; of a stream that is granted, its beginning. */
function exchange(url: string, { method, target, headers, body }: Sent): Promise<Received> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const flat = headers.flat();
    const length = body === null ? [] : ["Content-Length", String(body.length)];
    const request = send({
      hostname,
      port,
      agent,
      method,
      path: target,
      headers: ["Host", "x", ...flat, ...length],
    });
    const late = setTimeout(() => request.destroy(new Error("no answer came")), answerWithinMs);
    request.on("error", (error) => {
      clearTimeout(late);
      reject(error);
    });
    request.on("response", (response) => {
      const parts: Buffer[] = [];
      const finish = () => {
        clearTimeout(late);
        const { statusCode = 0, headers: received } = response;
        const zxid = received.zxid;
        resolve({
          status: statusCode,
          contentType: received["content-type"],
          zxid: Array.isArray(zxid) ? zxid[0] : zxid,
          text: Buffer.concat(parts).toString("utf8"),
        });
      };
      response.on("data", (part: Buffer) => {
        parts.push(part);
        if (!endless.includes(response.headers["content-type"] ?? "")) return;
        finish();
        request.destroy();
      });
      response.on("end", finish);
    });
    request.end(body ?? undefined);
  });
}

/** Answers that do not end by themselves. */
const endless = ["text/event-stream", logMediaType];

/** What is wrong with the answer; null when nothing is. */
function faultIn(sent: Sent, received: Received): string | null {
  const { status, contentType, zxid, text } = received;
  const { method, target } = sent;
  const operation = operations.find(({ operationId }) => operationId === sent.operationId) as Operation;
  if (status >= 500 && !(status === 503 && text.includes('"read_only"'))) return `a ${status}`;
  if (target.startsWith("/v1/") && zxid === undefined) return "no Zxid";
  if (status >= 400 && method !== "HEAD") {
    if (contentType !== "application/problem+json; charset=utf-8") return `a refusal in ${contentType}`;
    const problem = JSON.parse(text) as { code: string; status: number; detail: string };
    if (!(problem.code in problemKinds) || problem.status !== status) return "a problem of an unknown kind";
    if (!/\S.*\.$/s.test(problem.detail)) return "a detail that is no sentence";
  }
  if (method === "HEAD") return text === "" ? null : "a HEAD with a body";
  // Another method, or a path that was broken into another one, is another operation's or nobody's.
  const isAsDocumented =
    method === operation.method && isWithin(target, operation) && !asksForAnotherForm(sent);
  return isAsDocumented ? violationOf(operation, received) : null;
}

/** What Accept brings about is told in words: each form has an operation of its own. */
function asksForAnotherForm({ headers }: Sent): boolean {
  return headers.some(([name]) => name === "Accept");
}

function isWithin(target: string, { path, parameters }: Operation): boolean {
  if (!parameters.some((parameter) => parameter.in === "path")) return true;
  const [prefix = ""] = path.split("{");
  const rest = target.slice(prefix.length).split(/[?#]/, 1)[0] as string;
  if (path.endsWith("/{path}") && !path.startsWith("/v1/quotas")) return !target.includes("#");
  return (
    rest !== "" &&
    rest.split("/").length === path.slice(prefix.length).split("/").length &&
    !target.includes("#")
  );
}

test(`requests made from the document, whole and broken, seed ${seed} [M8]`, { timeout }, async ({
  start,
}) => {
  const server = await start("--request-timeout-ms", "4000");
  const http = new Http(server.url);
  const open = async () =>
    (await http.post("/v1/sessions", { json: { timeoutMs: 3_600_000 } })).json<Session>();
  const sessions = [await open(), await open(), await open()];
  await http.post("/v1/znodes/e?ephemeral=true", { headers: { "session-token": sessions[0]?.token ?? "" } });
  const tokens = sessions.map(({ token }) => token);
  const ids = sessions.map(({ id }) => id);
  const anyRequest = fc.oneof(...operations.map((operation) => requestOf(operation, tokens, ids)));
  const property = fc.asyncProperty(
    fc.array(anyRequest, { minLength: 1, maxLength: 8 }),
    async (requests) => {
      const answers = await Promise.all(requests.map((sent) => exchange(server.url, sent)));
      for (const [index, received] of answers.entries()) {
        const fault = faultIn(requests[index] as Sent, received);
        if (fault !== null) throw new Error(`${fault}: ${describe(requests[index] as Sent, received)}`);
      }
    },
  );
  await fc.assert(property, bounds);
  expect(server.logs.filter(({ level }) => level === "error" || level === "fatal")).toEqual([]);
  expect((await http.get("/readyz")).status).toBe(200);
  agent.destroy();
});

interface Session {
  readonly id: string;
  readonly token: string;
}

function describe({ method, target, headers, body }: Sent, { status, text }: Received): string {
  return JSON.stringify({
    method,
    target,
    headers,
    body: body?.toString().slice(0, 300),
    status,
    text: text.slice(0, 500),
  });
}

/** Bytes that are almost HTTP: a request that is right, with something cut, doubled or put in. */
const almostHttp = fc
  .tuple(
    fc.constantFrom(
      "GET /v1/znodes HTTP/1.1\r\nHost: localhost\r\n\r\n",
      "PUT /v1/znodes/a?upsert=true HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello",
      'POST /v1/transactions HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n11\r\n{"operations":[]}\r\n0\r\n\r\n',
      "OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n",
      "GET http://y/v1/znodes HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n",
      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ),
    fc.array(
      fc.tuple(
        fc.nat(200),
        fc.nat(3),
        fc.oneof(
          fc.uint8Array({ maxLength: 4 }).map((bytes) => Buffer.from(bytes).toString("latin1")),
          fc.constantFrom(
            "\r\n",
            "\r\n\r\n",
            ":",
            " ",
            "\0",
            "Content-Length: 0\r\n",
            "Host: localhost\r\n",
            "Expect: x\r\n",
          ),
        ),
      ),
      { maxLength: 4 },
    ),
  )
  .map(([request, changes]) => {
    let text = request;
    for (const [at, length, put] of changes) {
      const place = at % (text.length + 1);
      text = text.slice(0, place) + put + text.slice(place + length);
    }
    return Buffer.from(text, "latin1");
  });

test(`bytes that are almost HTTP get answers that are, or none, and never a 5xx, seed ${seed}`, {
  timeout,
}, async ({ start }) => {
  const server = await start(
    "--headers-timeout-ms",
    "200",
    "--request-timeout-ms",
    "200",
    "--keep-alive-timeout-ms",
    "100",
  );
  const http = new Http(server.url);
  const property = fc.asyncProperty(fc.array(almostHttp, { minLength: 1, maxLength: 30 }), async (all) => {
    const texts = await Promise.all(all.map((bytes) => saidTo(http, bytes)));
    for (const [index, text] of texts.entries()) {
      const what = JSON.stringify([all[index]?.toString("latin1"), text]);
      const statuses = Array.from(text.matchAll(/HTTP\/1\.1 (\d{3}) [A-Z]/g), ([, status]) => Number(status));
      if (text !== "" && !text.startsWith("HTTP/1.1 ")) throw new Error(`no HTTP: ${what}`);
      if (statuses.some((status) => status >= 500)) throw new Error(`a fault of the server's: ${what}`);
      const refusals = statuses.filter((status) => status >= 400).length;
      const problems = text.match(/^content-type: application\/problem\+json/gim)?.length ?? 0;
      if (problems !== refusals) throw new Error(`a refusal that is no problem document: ${what}`);
    }
  });
  await fc.assert(property, bounds);
  expect(server.logs.filter(({ level }) => level === "error" || level === "fatal")).toEqual([]);
  expect((await http.get("/readyz")).status).toBe(200);
});

async function saidTo(http: Http, bytes: Buffer): Promise<string> {
  const socket = await http.connect();
  const late = setTimeout(() => socket.destroy(new Error("the connection stayed open")), answerWithinMs);
  socket.write(bytes);
  const parts: Buffer[] = [];
  socket.on("data", (part) => parts.push(part));
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  socket.once("error", (error) =>
    error.message === "the connection stayed open" ? reject(error) : resolve(),
  );
  socket.once("close", () => resolve());
  await promise.finally(() => clearTimeout(late));
  return Buffer.concat(parts).toString("latin1");
}
