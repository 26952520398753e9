// Servers that follow others, each a process of its own with a folder that it keeps, for tests of what befalls them.

import { execFile } from "node:child_process";
import { test as base } from "vitest";
import { Http } from "../support/http.ts";
import { freePorts } from "../support/ports.ts";
import { makeDataDir, removeDataDir, ServerProcess } from "../support/process.ts";
import { cliFile } from "../support/programs.ts";

export interface CliEnd {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export function treekeeper(...args: string[]): Promise<CliEnd> {
  return new Promise((resolve) => {
    execFile(process.execPath, [cliFile, ...args], (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

/** A server that is started again is another process at the same address, in the same folder. */
export class Place {
  readonly dataDir = makeDataDir();
  readonly url: string;
  readonly http: Http;
  readonly #port: string;
  readonly #args: readonly string[];
  server: ServerProcess | null = null;

  constructor(port: string, args: readonly string[]) {
    this.#port = port;
    this.#args = args;
    this.url = `http://127.0.0.1:${port}`;
    this.http = new Http(this.url);
  }

  /** Resolves when it serves; with other arguments than its own where they are given. */
  async start(args: readonly string[] = this.#args): Promise<ServerProcess> {
    const { dataDir } = this;
    this.server = await ServerProcess.start({ dataDir, args: ["--port", this.#port, ...args] });
    return this.server;
  }

  /** What a start says that fails; with other arguments than its own where they are given. */
  async failedStart(args: readonly string[] = this.#args): Promise<string> {
    const { code, logs } = await ServerProcess.runToEnd({ dataDir: this.dataDir, args });
    return `${code}: ${logs.at(-1)?.msg ?? ""}`;
  }

  async remove(): Promise<void> {
    this.server?.signal("SIGCONT");
    await this.server?.kill();
    removeDataDir(this.dataDir);
  }

  async metric(name: string): Promise<number> {
    const text = (await this.http.get("/metrics")).text;
    return Number(new RegExp(`^${name} (.*)$`, "m").exec(text)?.[1]);
  }

  /** Until it is so; each look is a request. */
  async until(isMet: () => Promise<boolean>): Promise<void> {
    while (!(await isMet().catch(() => false))) await new Promise((resolve) => setTimeout(resolve, 20));
  }

  /** What it keeps, as it stands there. */
  async data(path: string): Promise<unknown> {
    return (await this.http.get(`/v1/znodes${path}`)).json<{ data: string }>().data;
  }
}

interface Fixture {
  /** A place for a server, which goes with the test. */
  place: (...args: string[]) => Promise<Place>;
  /** A server that runs, and one that follows it. */
  pair: (options?: { readonly upstream?: string[]; readonly follower?: string[] }) => Promise<{
    upstream: Place;
    follower: Place;
  }>;
}

export const test = base.extend<Fixture>({
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the fixtures a fixture needs from this pattern
  place: async ({}, use) => {
    const places: Place[] = [];
    await use(async (...args) => {
      const [port = ""] = await freePorts(1);
      const place = new Place(port, args);
      places.push(place);
      return place;
    });
    for (const place of places) await place.remove();
  },
  pair: async ({ place }, use) => {
    await use(async ({ upstream: args = [], follower: others = [] } = {}) => {
      const upstream = await place(...args);
      await upstream.start();
      const follower = await place("--follow", upstream.url, ...others);
      await follower.start();
      return { upstream, follower };
    });
  },
});
