// What the black-box tests share: a base URL and a part of the tree of their own. They need nothing but the URL in
// TREEKEEPER_URL, whatever else the server behind it holds; without it one server is started for each file. Several URLs,
// separated by commas, are servers of one service, any of which answers any request, as TREEKEEPER_SEED has it.

import { randomBytes } from "node:crypto";
import { crc32 } from "node:zlib";
import { test as base, expect, type RunnerTask, type TestContext } from "vitest";
import type { Stat } from "../../src/core/tree/stat.ts";
import { DocumentedHttp } from "../support/documented-http.ts";
import { type Answer, type EventStream, type Exchange, Http, type RequestOptions } from "../support/http.ts";
import { HttpToAny } from "../support/http-to-any.ts";
import { makeDataDir, removeDataDir, ServerProcess } from "../support/process.ts";
import { random } from "../support/random.ts";
import { isAboutOneServer } from "./one-server.ts";

export interface Session {
  readonly id: string;
  readonly token: string;
  readonly timeoutMs: number;
  readonly validForMs: number;
}

export interface Written {
  readonly path: string;
  readonly stat: Stat;
}

export interface Read extends Written {
  readonly data?: string;
  readonly dataBase64?: string;
}

declare module "vitest" {
  interface TaskMeta {
    /** The last requests of a promise that does not hold, and their answers: for whoever looks for the fault. */
    exchanges?: readonly Exchange[];
  }
}

interface ConformanceFixture {
  serverUrl: string;
  http: Http;
  /** A znode made for this test, deleted with all below it afterwards. */
  root: string;
  /** The same server as the test's own part of the tree sees it. */
  znodes: Znodes;
  /** Opens a session that is closed at the end of the test, if the test did not. */
  openSession: (request?: { timeoutMs?: number; name?: string }) => Promise<Session>;
  /** Opens a watch that ends with the test. */
  watch: (query: RequestOptions["query"], headers?: Record<string, string>) => Promise<EventStream>;
}

/** Short ways to write and read, for what is not itself under test; each fails when it is refused. */
export class Znodes {
  readonly #http: Http;

  constructor(http: Http) {
    this.#http = http;
  }

  async create(path: string, body = "", options: RequestOptions = {}): Promise<Written> {
    return expectStatus(await this.#http.post(urlOf(path), { body, ...options }), 201).json<never>();
  }

  async set(path: string, body: string, options: RequestOptions = {}): Promise<Stat> {
    const answer = expectStatus(await this.#http.put(urlOf(path), { body, ...options }), 200);
    return answer.json<{ stat: Stat }>().stat;
  }

  async delete(path: string, options: RequestOptions = {}): Promise<Answer> {
    return expectStatus(await this.#http.delete(urlOf(path), options), 204);
  }

  async read(path: string): Promise<Read> {
    return expectStatus(await this.#http.get(urlOf(path)), 200).json<never>();
  }

  async stat(path: string): Promise<Stat> {
    return (await this.read(path)).stat;
  }

  async exists(path: string): Promise<boolean> {
    const { status } = await this.#http.request("HEAD", urlOf(path));
    expect([200, 404]).toContain(status);
    return status === 200;
  }

  async children(path: string): Promise<string[]> {
    const answer = await this.#http.get(`/v1/children${encodeSegments(path)}`, { query: { limit: 10_000 } });
    return expectStatus(answer, 200).json<{ children: string[] }>().children;
  }

  async transact(operations: readonly object[], options: RequestOptions = {}): Promise<Transacted> {
    const answer = await this.#http.post("/v1/transactions", { json: { operations }, ...options });
    return expectStatus(answer, 200).json<never>();
  }
}

export interface Transacted {
  readonly zxid: number;
  readonly results: readonly { op: string; path: string; stat?: Stat; value?: string }[];
}

/** The URL of a znode, each segment percent-encoded. */
export function urlOf(path: string): string {
  return `/v1/znodes${encodeSegments(path)}`;
}

export function encodeSegments(path: string): string {
  return path.split("/").map(encodeURIComponent).join("/");
}

/** The answer, which has the status; what it said instead is in the failure. */
export function expectStatus(answer: Answer, status: number): Answer {
  if (answer.status !== status) expect(`${answer.status} ${answer.text}`).toBe(`${status}`);
  return answer;
}

/** The answer is a problem of this code, complete as section 8 of the contract asks. */
export function expectProblem(answer: Answer, status: number, code: string): Record<string, unknown> {
  expect(`${answer.status} ${answer.text.slice(0, 500)}`).toMatch(new RegExp(`^${status} `));
  expect(answer.header("content-type")).toBe("application/problem+json; charset=utf-8");
  const problem = answer.json();
  expect(problem).toMatchObject({ status, code, type: `urn:treekeeper:problem:${code}` });
  expect(problem.title).toMatch(/\S/);
  expect(problem.detail).toMatch(/\S.*\.$/s);
  return problem;
}

export function tokenOf({ token }: Session): { headers: { "session-token": string } } {
  return { headers: { "session-token": token } };
}

export const test = base.extend<ConformanceFixture>({
  serverUrl: [
    // biome-ignore lint/correctness/noEmptyPattern: vitest reads the fixtures a fixture needs from this pattern
    async ({}, use) => {
      const given = process.env.TREEKEEPER_URL;
      if (given !== undefined) {
        await use(given);
        return;
      }
      const dataDir = makeDataDir();
      try {
        const server = await ServerProcess.start({ dataDir });
        await use(server.url);
        await server.kill();
      } finally {
        removeDataDir(dataDir);
      }
    },
    { scope: "file" },
  ],
  http: async ({ serverUrl, task }, use) => {
    const http = httpFor(serverUrl.split(","), task);
    keepExchanges(http, task);
    await use(http);
  },
  znodes: async ({ http }, use) => use(new Znodes(http)),
  root: async ({ http }, use) => {
    const root = `/conformance-${randomBytes(8).toString("hex")}`;
    expectStatus(await http.post(urlOf(root)), 201);
    await use(root);
    // Tests that close a part of it to others leave it open to this one.
    const headers = { "Acl-Auth": `digest ${Buffer.from("super:test").toString("base64")}` };
    await http.delete(urlOf(root), { query: "recursive=true", headers });
  },
  openSession: async ({ http }, use) => {
    const opened: Session[] = [];
    await use(async (request = {}) => {
      const session = expectStatus(await http.post("/v1/sessions", { json: request }), 201).json<never>();
      opened.push(session);
      return session;
    });
    for (const session of opened) await http.delete(`/v1/sessions/${session.id}`, tokenOf(session));
  },
  watch: async ({ http }, use) => {
    const streams: EventStream[] = [];
    await use(async (query, headers = {}) => {
      const stream = await http.stream("/v1/watch", { headers, ...(query !== undefined && { query }) });
      streams.push(stream);
      return stream;
    });
    for (const stream of streams) stream.close();
  },
});

function httpFor(urls: readonly string[], { file, name }: Readonly<RunnerTask>): Http {
  if (urls.length === 1) return new DocumentedHttp(urls[0] as string);
  const chance = random(Number(process.env.TREEKEEPER_SEED ?? 0) ^ crc32(`${file.name} ${name}`));
  if (isAboutOneServer(file.name, name)) return new Http(urls[Math.floor(chance() * urls.length)] as string);
  return new HttpToAny(urls, chance);
}

const exchangesKept = 3;

/** What comes after the failure only tidies up. */
function keepExchanges(http: Http, task: TestContext["task"]): void {
  http.answered = (exchange) => {
    if (task.result?.state !== "run") return;
    task.meta.exchanges = [...(task.meta.exchanges ?? []), exchange].slice(-exchangesKept);
  };
}

export { expect } from "vitest";

/** Numbers as they are shown to be sent again: behind them may be the epoch they are of. */
export function withEpoch(text: string): unknown {
  return expect.stringMatching(
    new RegExp(`^${text.replaceAll(/[.?+*()[\]{}|^$\\]/g, "\\$&")}(\\.[0-9a-f]+)?$`),
  );
}
