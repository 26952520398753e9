// Another data directory under clients that go on: an older copy put back, an empty one, another store's. The same numbers
// are given out again there; what clients kept of the past that is gone is taken for nothing it is not.

import { cpSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Client } from "../../src/client/index.ts";
import { Http } from "../support/http.ts";
import { makeDataDir, removeDataDir, ServerProcess } from "../support/process.ts";

/** What a client has in its hands after it used the store. */
interface Kept {
  /** The last id of its stream. */
  readonly id: string;
  /** Of the lock it holds. */
  readonly fence: string;
  /** Of what it wrote to /a. */
  readonly etag: string;
  /** Of the children of the root. */
  readonly listTag: string;
}

/** What is in every copy: done before the copy was made. */
async function useAtFirst(http: Http): Promise<void> {
  expect((await http.post("/v1/znodes/a", { body: "common" })).status).toBe(201);
}

/** The same requests in the same order: wherever they are done, they get the same numbers. */
async function use(http: Http, value: string): Promise<Kept> {
  const { token } = (await http.post("/v1/sessions", { json: {} })).json<{ token: string }>();
  const claim = await http.post("/v1/locks/l/claims", { json: {}, headers: { "Session-Token": token } });
  expect(claim.status).toBe(201);
  const etag = String((await http.put("/v1/znodes/a", { body: value })).header("etag"));
  for (const name of ["b", "c", "d"]) await http.post(`/v1/znodes/${name}`, { body: value });
  const stream = await http.stream("/v1/watch", { query: "path=/&scope=subtree&initial=true" });
  const { id = "" } = await stream.untilEvent("synced");
  stream.close();
  const listTag = String((await http.get("/v1/children/")).header("etag"));
  return { id, fence: String(claim.json().fenceHeader), etag, listTag };
}

function withoutEpochs({ id, fence, etag, listTag }: Kept): string[] {
  return [id, fence, etag, listTag].map((text) => text.replace(/(\d)\.[0-9a-f]{10}/, "$1"));
}

interface Folders {
  readonly dataDir: string;
  readonly copy: string;
  readonly foreign: string;
}

interface Scene {
  readonly above: string;
  readonly server: ServerProcess;
  readonly http: Http;
  /** From the past that is gone. */
  readonly lost: Kept;
  /** From the one that is served now. */
  readonly here: Kept;
}

/** What is put in the place of a directory that was used, and is stopped. */
const replacements: Record<string, (folders: Folders) => void> = {
  "an older copy of the directory": ({ dataDir, copy }) => cpSync(copy, dataDir, { recursive: true }),
  "an empty directory": ({ dataDir }) => mkdirSync(dataDir),
  "the directory of another store": ({ dataDir, foreign }) => cpSync(foreign, dataDir, { recursive: true }),
};

async function play(replacement: string): Promise<Scene> {
  const above = makeDataDir();
  const folders = {
    dataDir: join(above, "data"),
    copy: join(above, "copy"),
    foreign: join(above, "foreign"),
  };
  const { dataDir } = folders;
  await served(folders.foreign, useAtFirst);
  const port = await served(dataDir, useAtFirst);
  cpSync(dataDir, folders.copy, { recursive: true });
  let lost: Kept | undefined;
  await served(
    dataDir,
    async (http) => {
      lost = await use(http, "lost");
    },
    port,
  );
  rmSync(dataDir, { recursive: true });
  replacements[replacement]?.(folders);
  const server = await ServerProcess.start({ dataDir, args: ["--port", port] });
  const http = new Http(server.url);
  if ((await http.get("/v1/znodes/a")).status === 404) await useAtFirst(http);
  return { above, server, http, lost: lost as unknown as Kept, here: await use(http, "here") };
}

/** Serves the directory for as long as it is used; says where. */
async function served(dataDir: string, useIt: (http: Http) => Promise<void>, port = "0"): Promise<string> {
  const server = await ServerProcess.start({ dataDir, args: ["--port", port] });
  await useIt(new Http(server.url));
  await server.terminate();
  return new URL(server.url).port;
}

describe.for(Object.keys(replacements))(
  "%s, under clients that go on",
  { timeout: 180_000 },
  (replacement) => {
    let scene: Scene;

    beforeAll(async () => {
      scene = await play(replacement);
    }, 180_000);

    afterAll(async () => {
      await scene.server.kill();
      removeDataDir(scene.above);
    });

    test("a stream that resumes hears that its past is gone, and then all that is there [G10]", async () => {
      const { http, lost, here } = scene;
      expect(withoutEpochs(lost)).toEqual(withoutEpochs(here));
      const stream = await http.stream("/v1/watch", {
        query: "path=/&scope=subtree",
        headers: { "Last-Event-ID": lost.id },
      });
      expect((await stream.untilEvent("reset")).data).toMatchObject({ reason: "unknown_zxid" });
      const { data } = await stream.untilEvent("snapshot");
      expect(data.znodes).toContainEqual(expect.objectContaining({ path: "/a", data: "here" }));
      expect((await stream.untilEvent("synced")).id).toBe(here.id);
      stream.close();
      const refusal = await http.get("/v1/watch", {
        query: "path=/",
        headers: { "Last-Event-ID": lost.id, accept: "application/json" },
      });
      expect(refusal.code).toBe("history_trimmed");
      expect(refusal.json()).toMatchObject({ reason: "unknown_zxid", unknownPast: true });
    });

    test("a write under a fence of the past that is gone is refused while another holds, who writes [G10]", async () => {
      const { http, lost, here } = scene;
      const write = (fence: string) => http.put("/v1/znodes/d", { body: fence, headers: { fence } });
      const refusal = await write(lost.fence);
      expect(refusal.code).toBe("fence_stale");
      expect(refusal.json()).toMatchObject({ unknownPast: true });
      expect((await write(here.fence)).status).toBe(200);
      expect((await http.get("/v1/znodes/d")).json()).toMatchObject({ data: here.fence });
      const batch = await http.post("/v1/batch", {
        json: { operations: [{ op: "set", path: "/d", data: "late" }] },
        headers: { fence: lost.fence },
      });
      expect(batch.json()).toMatchObject({ results: [{ code: "fence_stale" }] });
    });

    test("an ETag of the past that is gone names nothing here, neither to a write nor to a read [G10]", async () => {
      const { http, lost, here } = scene;
      const write = (etag: string) => http.put("/v1/znodes/a", { body: "x", headers: { "If-Match": etag } });
      expect((await write(lost.etag)).code).toBe("bad_version");
      const read = (path: string, etag: string) => http.get(path, { headers: { "If-None-Match": etag } });
      expect((await read("/v1/znodes/a", lost.etag)).json()).toMatchObject({ data: "here" });
      expect((await read("/v1/znodes/a", here.etag)).status).toBe(304);
      expect((await read("/v1/children/", lost.listTag)).status).toBe(200);
      expect((await read("/v1/children/", here.listTag)).status).toBe(304);
      expect((await write(here.etag)).status).toBe(200);
    });

    test("that clients show a past which never was here is said once, loudly, and counted", async () => {
      const { http, server, lost } = scene;
      const { past } = (await http.get("/v1/limits")).json<{ past: { unknownShown: number } }>();
      for (const path of ["/v1/znodes/a", "/v1/children/"])
        await http.get(path, {
          headers: { "If-None-Match": path === "/v1/znodes/a" ? lost.etag : lost.listTag },
        });
      const later = (await http.get("/v1/limits")).json<{ past: { unknownShown: number } }>();
      expect(later.past.unknownShown).toBe(past.unknownShown + 2);
      await server.logged(unknownPastMessage);
      const said = server.logs.filter(({ msg }) => msg === unknownPastMessage);
      expect(said.map(({ level }) => level)).toEqual(["error"]);
    });
  },
);

const unknownPastMessage =
  "a client has seen what never happened here: an older copy of the data directory was put back, or another store is " +
  "served where it was; what was acknowledged after the copy is lost. Such clients begin anew, and their fences and tags are refused";

test("a copy of the tree that a client keeps is the tree that is there, also when an older copy was put back", {
  timeout: 180_000,
}, async () => {
  const above = makeDataDir();
  const [dataDir, copy] = [join(above, "data"), join(above, "copy")];
  const port = await served(dataDir, useAtFirst);
  cpSync(dataDir, copy, { recursive: true });
  const closing = new AbortController();
  const client = new Client({ endpoint: `http://127.0.0.1:${port}` });
  try {
    const before = await ServerProcess.start({ dataDir, args: ["--port", port] });
    await use(new Http(before.url), "lost");
    const told = Promise.withResolvers<void>();
    const tree = client.tree("/", {
      signal: closing.signal,
      changed: () => {
        if (tree.get("/a")?.data?.text() === "here") told.resolve();
      },
    });
    await tree.ready;
    expect(tree.get("/a")?.data?.text()).toBe("lost");
    await before.terminate();
    rmSync(dataDir, { recursive: true });
    cpSync(copy, dataDir, { recursive: true });
    const after = await ServerProcess.start({ dataDir, args: ["--port", port] });
    await use(new Http(after.url), "here");
    await told.promise;
    await after.kill();
  } finally {
    closing.abort();
    removeDataDir(above);
  }
});
