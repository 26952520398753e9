// The ways by which somebody might learn of what they may not read, each as an example: what the caller may do, in what
// the two worlds differ, and what the caller asks to find out in which one it is.

import type { Rule } from "../../src/core/access/policy.ts";
import { verbs } from "../../src/core/access/verbs.ts";
import { type Asked, type Deed, otherSession, type TwoWorlds, type World } from "./worlds.ts";

export interface Channel {
  /** What might tell. */
  readonly name: string;
  /** Of the caller. */
  readonly rules: readonly Rule[];
  readonly differ: (worlds: TwoWorlds) => Promise<void>;
  readonly asks?: readonly Asked[];
  /** What it listens to, from before others go on in `meanwhile`. */
  readonly streams?: readonly Asked[];
  /** What others do in either world, each time that it waits for one of `waits` and once while it listens. */
  readonly meanwhile?: readonly [Deed, Deed];
  readonly waits?: readonly Asked[];
  /** Not even somebody who may do everything is told: there is nothing to be seen by asking. */
  readonly isToldToNobody?: true;
}

export const everything: Rule = { prefix: "/", allow: verbs };
const hidden = (prefix: string): Rule => ({ prefix, deny: verbs });

const get = (url: string, headers: Record<string, string> = {}): Asked => ({ method: "GET", url, headers });
const post = (url: string, body?: unknown, rest: Partial<Asked> = {}): Asked => ({
  method: "POST",
  url,
  body,
  ...rest,
});
const put = (url: string, body?: unknown, rest: Partial<Asked> = {}): Asked => ({
  ...post(url, body, rest),
  method: "PUT",
});
const remove = (url: string, rest: Partial<Asked> = {}): Asked => ({ method: "DELETE", url, ...rest });
const create = (path: string, data = "", query = "") => post(`/v1/znodes${path}${query}`, data);
const set = (path: string, data: string, query = "") => put(`/v1/znodes${path}${query}`, data);
const transact = (...operations: object[]) => post("/v1/transactions", { operations });
const batch = (...operations: object[]) => post("/v1/batch", { operations });
const lines = (...znodes: object[]) => znodes.map((znode) => `${JSON.stringify(znode)}\n`).join("");

/** Others send these, one after the other, and are refused none. */
function does(...asked: readonly Asked[]): Deed {
  return async ({ others }: World) => {
    for (const each of asked) {
      const { status, body } = await others.send(each);
      if (status >= 300) throw new Error(`${each.method} ${each.url}: ${status} ${body}`);
    }
  };
}

/** A session of others, and what they do for it. */
function asSession(name: string, ...asked: readonly Asked[]): Deed {
  return async (world: World) => {
    const session = await otherSession(world, { name });
    await does(...asked.map((each) => ({ ...each, session })))?.(world);
  };
}

/** All ways to ask for a znode. */
function looksAt(path: string): Asked[] {
  return [
    get(`/v1/znodes${path}`),
    { method: "HEAD", url: `/v1/znodes${path}` },
    get(`/v1/znodes${path}`, { "if-none-match": "*" }),
    get(`/v1/data${path}`),
    get(`/v1/children${path}`),
    get(`/v1/children${path}?include=stat,data`),
    get(`/v1/children${path}`, { accept: "application/x-ndjson" }),
    get(`/v1/export-children${path}?include=stat,data`),
    get(`/v1/tree${path}`),
    get(`/v1/tree${path}?depth=0`),
    get(`/v1/export${path}`),
    get(`/v1/quotas${path}`),
    get(`/v1/acl${path}`),
    batch({ op: "get", path }, { op: "exists", path }, { op: "children", path, include: "stat,data" }),
  ];
}

/** All ways to change it. */
function writesTo(path: string): Asked[] {
  return [
    create(path, "mine"),
    create(`${path}/below`, "mine"),
    create(`${path}/n-`, "mine", "?sequential=true"),
    set(path, "mine"),
    set(path, "mine", "?version=3"),
    set(path, "mine", "?upsert=true"),
    put(`/v1/znodes${path}`, "mine", { headers: { "if-match": '"9-0"' } }),
    put(`/v1/znodes${path}`, "mine", { headers: { "if-none-match": "*" } }),
    remove(`/v1/znodes${path}`),
    remove(`/v1/znodes${path}?recursive=true`),
    remove(`/v1/znodes${path}?recursive=true&inParts=true`),
    remove(`/v1/tree${path}`),
    put(`/v1/quotas${path}`, { countHard: 9 }),
    put(`/v1/acl${path}`, { acl: [{ scheme: "world", id: "anyone", perms: ["read"] }] }),
    remove(`/v1/quotas${path}`),
    transact({ op: "check", path }),
    transact({ op: "check", path, exists: false }),
    transact({ op: "increment", path, by: 1 }),
    batch({ op: "set", path, data: "mine" }, { op: "delete", path }),
    post("/v1/import?dryRun=true&onConflict=replace", lines({ path, data: "mine" })),
    post("/v1/import?onConflict=skip", lines({ path, data: "mine" })),
    post("/v1/import-with-progress?onConflict=replace", lines({ path, data: "mine" })),
  ];
}

const openSession = post("/v1/sessions", { timeoutMs: 3_600_000, name: "mine" });
const watch = (query: string) => get(`/v1/watch?${query}`);

export const channels: readonly Channel[] = [
  {
    name: "a refusal, whether or not the znode is there",
    rules: [{ prefix: "/", allow: ["read", "session"] }, hidden("/h")],
    differ: async (worlds) => {
      await worlds.same(does(create("/h")));
      await worlds.differ(does(create("/h/x", "secret")), null);
    },
    asks: [...looksAt("/h/x"), ...writesTo("/h/x")],
    streams: [watch("path=/h/x&initial=true"), watch("path=/h/x&sinceZxid=1")],
    waits: [
      get("/v1/znodes/h/x?waitAfterZxid=1&waitMs=1000"),
      get("/v1/children/h/x?waitAfterZxid=1&waitMs=1000"),
    ],
  },
  {
    name: "the stat in node_exists and bad_version",
    rules: [{ prefix: "/h/x", allow: ["write", "create"] }, hidden("/h/x/c")],
    differ: async (worlds) => {
      await worlds.same(does(create("/h")));
      await worlds.differ(does(create("/h/x", "long secret")), does(create("/h/x", "secret")));
      await worlds.differ(does(create("/h/x/c")), null);
    },
    asks: [
      create("/h/x"),
      set("/h/x", "mine", "?version=7"),
      put("/v1/znodes/h/x", "mine", { headers: { "if-match": '"1-1"' } }),
      put("/v1/znodes/h/x", "mine", { headers: { "if-none-match": "*" } }),
      transact({ op: "create", path: "/h/x" }),
      transact({ op: "set", path: "/h/x", data: "mine", version: 7 }),
      transact({ op: "check", path: "/h/x", version: 7 }),
      batch({ op: "create", path: "/h/x" }, { op: "set", path: "/h/x", data: "mine", version: 7 }),
    ],
  },
  {
    name: "data, in the answer to a write and of a check beside it",
    rules: [{ prefix: "/h/x", allow: ["write", "create"] }],
    differ: async (worlds) => {
      await worlds.same(does(create("/h")));
      await worlds.differ(does(create("/h/x", "long secret")), does(create("/h/x", "secret")));
    },
    asks: [
      transact({ op: "check", path: "/h/x" }),
      transact({ op: "check", path: "/h/x" }, { op: "set", path: "/h/x", data: "mine", version: 0 }),
      set("/h/x", "mine"),
      set("/h/x", "mine", "?upsert=true"),
      batch({ op: "set", path: "/h/x", data: "mine" }),
    ],
  },
  {
    name: "how many children not_empty counts",
    rules: [{ prefix: "/h/x", allow: ["delete"] }, hidden("/h/x/c"), hidden("/h/x/d")],
    differ: async (worlds) => {
      await worlds.same(does(create("/h"), create("/h/x"), create("/h/x/c")));
      await worlds.differ(does(create("/h/x/d")), null);
    },
    asks: [
      remove("/v1/znodes/h/x"),
      transact({ op: "delete", path: "/h/x" }),
      batch({ op: "delete", path: "/h/x" }),
    ],
  },
  {
    name: "ephemeral_parent, and no_node of a parent",
    rules: [{ prefix: "/", allow: ["session"] }],
    differ: async (worlds) => {
      await worlds.same(does(create("/h")));
      await worlds.differ(
        asSession("holder", create("/h/p", "", "?ephemeral=true")),
        does(create("/h/p"), create("/h/q")),
      );
    },
    asks: [
      create("/h/p/x"),
      create("/h/q/x"),
      create("/h/q/x/y", "", "?parents=true"),
      transact({ op: "create", path: "/h/p/x" }),
    ],
  },
  {
    name: "a recursive delete that would meet what may not be deleted",
    rules: [{ prefix: "/h", allow: ["delete"] }, hidden("/h/x")],
    differ: async (worlds) => {
      await worlds.same(does(create("/h")));
      await worlds.differ(does(create("/h/x")), null);
    },
    asks: [
      remove("/v1/tree/h"),
      remove("/v1/znodes/h?recursive=true"),
      remove("/v1/znodes/h?recursive=true&inParts=true"),
      batch({ op: "delete", path: "/h", recursive: true }),
    ],
  },
  {
    name: "the ancestor, limit and usage in quota_exceeded",
    rules: [{ prefix: "/q/in/x", allow: ["create", "write"] }],
    differ: async (worlds) => {
      await worlds.same(does(create("/q"), create("/q/in")));
      await worlds.differ(does(create("/q/secret")), null);
      await worlds.differ(
        does(put("/v1/quotas/q", { countHard: 2 })),
        does(put("/v1/quotas/q/in", { countHard: 1 })),
      );
    },
    asks: [
      create("/q/in/x"),
      set("/q/in/x", "", "?upsert=true"),
      transact({ op: "create", path: "/q/in/x" }),
      batch({ op: "create", path: "/q/in/x" }),
    ],
  },
  {
    name: "quotas, and the one that governs or nests",
    rules: [{ prefix: "/q/i/j", allow: ["read", "admin"] }],
    differ: async (worlds) => {
      await worlds.same(does(create("/q"), create("/q/i"), create("/q/i/j")));
      await worlds.differ(
        does(put("/v1/quotas/q", { countSoft: 9 })),
        does(put("/v1/quotas/q/i", { countSoft: 9 })),
      );
    },
    asks: [
      get("/v1/quotas"),
      get("/v1/quotas?after=/a&limit=1"),
      get("/v1/quotas/q"),
      get("/v1/quotas/q/i"),
      get("/v1/quotas/q/i/j"),
      put("/v1/quotas/q/i/j", { countHard: 5 }),
      remove("/v1/quotas/q/i/j"),
    ],
  },
  {
    name: "fences",
    rules: [{ prefix: "/mine", allow: ["write", "create", "read"] }],
    differ: async (worlds) => {
      await worlds.same(does(create("/mine")));
      await worlds.differ(does(create("/h")), null);
    },
    asks: Array.from({ length: 20 }, (_, zxid) =>
      put("/v1/znodes/mine", "mine", { headers: { fence: `/h@${zxid}` } }),
    ),
  },
  {
    name: "fences on the claims of others",
    rules: [
      { prefix: "/mine", allow: ["write"] },
      { prefix: "/locks/x", allow: ["coordinate"] },
      { prefix: "/h", allow: ["coordinate"] },
    ],
    differ: async (worlds) => {
      await worlds.same(does(create("/mine"), create("/h")));
      await worlds.same(asSession("alice", post("/v1/locks/x/claims", {})));
      await worlds.differ(null, does(remove("/v1/locks/x/claims/x-0000000000", { session: 0 })));
      await worlds.differ(null, does(remove("/v1/znodes/h")));
    },
    asks: Array.from({ length: 20 }, (_, zxid) => zxid).flatMap((zxid) => [
      put("/v1/znodes/mine", "mine", { headers: { fence: `/locks/x/x-0000000000@${zxid}` } }),
      put("/v1/znodes/mine", "mine", { headers: { fence: `/h@${zxid}` } }),
    ]),
  },
  {
    name: "If-Match, 304, HEAD and checks",
    rules: [{ prefix: "/mine", allow: verbs }],
    differ: async (worlds) => {
      await worlds.same(does(create("/mine"), create("/h")));
      await worlds.differ(does(set("/h", "secret")), null);
    },
    asks: Array.from({ length: 16 }, (_, zxid) => `"${zxid}-1"`).flatMap((tag) => [
      get("/v1/znodes/h", { "if-none-match": tag }),
      { method: "HEAD", url: "/v1/znodes/h", headers: { "if-none-match": tag } },
      put("/v1/znodes/h", "mine", { headers: { "if-match": tag } }),
      transact({ op: "check", path: "/h", version: 1 }, { op: "set", path: "/mine" }),
    ]),
  },
  {
    name: "the sum of an increment",
    rules: [{ prefix: "/h", allow: ["write"] }],
    differ: async (worlds) => worlds.differ(does(create("/h", "5")), does(create("/h", "no number"))),
    asks: [
      transact({ op: "increment", path: "/h", by: 1 }),
      transact({ op: "increment", path: "/h", by: 0 }),
      batch({ op: "increment", path: "/h", by: 1 }),
    ],
  },
  {
    name: "counters",
    rules: [{ prefix: "/counters", allow: ["read"] }, hidden("/counters/visits")],
    differ: async (worlds) => {
      await worlds.differ(
        does(post("/v1/counters/visits", { by: 5 })),
        does(post("/v1/counters/visits", { by: 7 })),
      );
    },
    asks: [
      get("/v1/counters"),
      get("/v1/counters/visits"),
      post("/v1/counters/visits"),
      post("/v1/counters/visits", { by: 0 }),
    ],
  },
  {
    name: "what an import finds unchanged, skipped or in its way",
    rules: [{ prefix: "/h", allow: ["create", "write"] }],
    differ: async (worlds) => worlds.differ(does(create("/h", "a")), does(create("/h", "b"))),
    asks: ["fail", "skip", "replace"].flatMap((rule) => [
      post(`/v1/import?dryRun=true&onConflict=${rule}`, lines({ path: "/h", data: "a" })),
      post(`/v1/import?onConflict=${rule}`, lines({ path: "/h", data: "a" })),
      post(`/v1/import-with-progress?dryRun=true&onConflict=${rule}`, lines({ path: "/h", data: "a" })),
    ]),
  },
  {
    name: "who holds a lock, in lock_held and in views",
    rules: [
      { prefix: "/", allow: ["session"] },
      { prefix: "/locks/x", allow: ["coordinate"] },
    ],
    differ: (worlds) =>
      worlds.differ(
        asSession("alice", post("/v1/locks/x/claims", { metadata: "at alice" })),
        asSession("bob", post("/v1/locks/x/claims", { metadata: { at: "bob" } })),
      ),
    asks: [
      openSession,
      post("/v1/locks/x/claims", {}, { session: 0 }),
      get("/v1/locks"),
      get("/v1/locks/x"),
      get("/v1/locks/x/claims/x-0000000000"),
      get("/v1/locks/x/claims/x-0000000000?waitMs=1"),
    ],
    streams: [get("/v1/locks/x/events")],
  },
  {
    name: "whether a lock is held, to somebody without a right to it",
    rules: [{ prefix: "/locks", allow: ["read"] }, { prefix: "/", allow: ["session"] }, hidden("/locks/x")],
    differ: async (worlds) => {
      await worlds.same(does(put("/v1/locks/x", {})));
      await worlds.differ(asSession("alice", post("/v1/locks/x/claims", {})), null);
    },
    asks: [
      openSession,
      get("/v1/locks"),
      get("/v1/locks/x"),
      get("/v1/locks/x/claims/x-0000000000"),
      post("/v1/locks/x/claims", {}, { session: 0 }),
      remove("/v1/locks/x/claims/x-0000000000", { session: 0 }),
      remove("/v1/locks/x/claims/x-0000000000?force=true"),
      put("/v1/locks/x", { lockDelayMs: 5 }),
    ],
    streams: [get("/v1/locks/x/events")],
    meanwhile: [does(remove("/v1/locks/x/claims/x-0000000000", { session: 0 })), null],
  },
  {
    name: "who leads, in elections",
    rules: [
      { prefix: "/elections", allow: ["read"] },
      { prefix: "/", allow: ["session"] },
      hidden("/elections/e"),
    ],
    differ: (worlds) =>
      worlds.differ(
        asSession("alice", post("/v1/elections/e/candidates", { value: "a" })),
        asSession("bob", post("/v1/elections/e/candidates", { value: "b" })),
      ),
    asks: [
      openSession,
      get("/v1/elections"),
      get("/v1/elections/e"),
      get("/v1/elections/e/candidates/c-0000000000"),
      put("/v1/elections/e/candidates/c-0000000000", { value: "mine" }, { session: 0 }),
      remove("/v1/elections/e/candidates/c-0000000000", { session: 0 }),
    ],
    streams: [get("/v1/elections/e/events")],
    meanwhile: [asSession("carol", post("/v1/elections/e/candidates", { value: "c" })), null],
  },
  {
    name: "not_holder, no_claim and 204 of a release",
    rules: [
      { prefix: "/", allow: ["session"] },
      { prefix: "/locks/x", allow: ["coordinate"] },
      { prefix: "/elections/e", allow: ["coordinate"] },
    ],
    differ: async (worlds) => {
      const stands = [post("/v1/locks/x/claims", {}), post("/v1/elections/e/candidates", {})];
      await worlds.same(asSession("alice", ...stands));
      await worlds.differ(
        null,
        does(
          remove("/v1/locks/x/claims/x-0000000000", { session: 0 }),
          remove("/v1/elections/e/candidates/c-0000000000", { session: 0 }),
        ),
      );
    },
    asks: [
      openSession,
      remove("/v1/locks/x/claims/x-0000000000", { session: 0 }),
      remove("/v1/locks/x/claims/x-0000000000"),
      remove("/v1/locks/x/claims/x-0000000000?force=true"),
      remove("/v1/elections/e/candidates/c-0000000000", { session: 0 }),
      put("/v1/elections/e/candidates/c-0000000000", { value: "mine" }, { session: 0 }),
    ],
  },
  {
    name: "who is in a barrier",
    rules: [
      { prefix: "/", allow: ["session"] },
      { prefix: "/barriers/b", allow: ["coordinate"] },
    ],
    differ: (worlds) => {
      const enters = post("/v1/barriers/b", { action: "enter", count: 3, participant: "one" });
      return worlds.differ(asSession("alice", enters), asSession("bob", enters));
    },
    asks: [
      openSession,
      get("/v1/barriers"),
      get("/v1/barriers/b"),
      post("/v1/barriers/b", { action: "enter", count: 3, participant: "one" }, { session: 0 }),
      post("/v1/barriers/b", { action: "leave", participant: "one" }, { session: 0 }),
      post("/v1/barriers/b", { action: "enter", count: 4, participant: "two" }, { session: 0 }),
    ],
  },
  {
    name: "numbers of sequential children",
    rules: [
      { prefix: "/h/mine", allow: verbs },
      { prefix: "/h/a/n", allow: ["create"] },
    ],
    differ: async (worlds) => {
      await worlds.same(does(create("/h"), create("/h/a"), create("/h/mine")));
      const numbered = create("/h/a/n-", "", "?sequential=true");
      await worlds.differ(does(numbered, numbered), null);
    },
    asks: [
      create("/h/a/n-", "", "?sequential=true"),
      create("/h/a/n", "", "?sequential=true"),
      create("/h/n-", "", "?sequential=true"),
      create("/h/mine/n-", "", "?sequential=true"),
      transact({ op: "create", path: "/h/a/n-", sequential: true }),
    ],
  },
  {
    name: "services: instances, how many, filters and next",
    rules: [
      { prefix: "/services", allow: ["read"] },
      { prefix: "/", allow: ["session"] },
      hidden("/services/web"),
    ],
    differ: async (worlds) => {
      const registers = (id: string, zone: string) =>
        put(`/v1/services/web/instances/${id}`, { address: "host", port: 80, zone, tags: [zone] });
      await worlds.same(asSession("alice", registers("one", "z1")));
      await worlds.differ(asSession("bob", registers("two", "z2")), null);
    },
    asks: [
      openSession,
      get("/v1/services"),
      get("/v1/services/web"),
      get("/v1/services/web?tag=z2"),
      get("/v1/services/web?zone=z2&limit=1"),
      get("/v1/services/web?after=one"),
      get("/v1/services/web/instances/two"),
      put("/v1/services/web/instances/two", { address: "mine", port: 1 }, { session: 0 }),
      remove("/v1/services/web/instances/two", { session: 0 }),
    ],
    streams: [get("/v1/services/web/events"), get("/v1/services/web/events?tag=z2")],
    meanwhile: [
      asSession(
        "carol",
        put("/v1/services/web/instances/three", { address: "host", port: 80, tags: ["z2"] }),
      ),
      null,
    ],
  },
  {
    name: "another's instance, to somebody who registers one",
    rules: [
      { prefix: "/", allow: ["session"] },
      { prefix: "/services/web", allow: ["coordinate"] },
    ],
    differ: (worlds) => {
      const registers = (address: string) => put("/v1/services/web/instances/one", { address, port: 80 });
      return worlds.differ(asSession("alice", registers("a")), asSession("bob", registers("b")));
    },
    asks: [
      openSession,
      get("/v1/services/web"),
      get("/v1/services/web/instances/one"),
      put("/v1/services/web/instances/one", { address: "a", port: 80 }, { session: 0 }),
      { ...put("/v1/services/web/instances/one", { port: 81 }, { session: 0 }), method: "PATCH" },
      remove("/v1/services/web/instances/one", { session: 0 }),
      put("/v1/services/web/instances/one?force=true", { address: "a", port: 80 }, { session: 0 }),
    ],
  },
  {
    name: "pages of children: next, ETag, counts, and what is included",
    rules: [{ prefix: "/h", allow: ["read"] }, hidden("/h/x")],
    differ: async (worlds) => {
      await worlds.same(does(create("/h"), create("/h/a", "open"), create("/h/x"), create("/h/z", "open")));
      await worlds.differ(does(set("/h/x", "secret".repeat(100))), null);
      await worlds.differ(does(create("/h/x/c"), create("/h/x/d")), null);
    },
    asks: [
      "",
      "?limit=1",
      "?limit=2",
      "?include=stat",
      "?include=data",
      "?include=stat,data&limit=2",
      "?include=stat,data&after=a",
      "?prefix=x&include=stat",
    ].flatMap((query) => [
      get(`/v1/children/h${query}`),
      { method: "HEAD", url: `/v1/children/h${query}` },
      get(`/v1/children/h${query}`, { "if-none-match": '"8", "9", "10", "11", "12", "13", "14", "15"' }),
    ]),
  },
  {
    name: "subtrees, exports and lines",
    rules: [{ prefix: "/h", allow: ["read"] }, hidden("/h/x"), { prefix: "/h/x/open", allow: ["read"] }],
    differ: async (worlds) => {
      await worlds.same(does(create("/h"), create("/h/a", "open"), create("/h/x"), create("/h/z", "open")));
      await worlds.differ(does(set("/h/x", "secret".repeat(100))), null);
      await worlds.differ(does(create("/h/x/c", "secret")), null);
    },
    asks: [
      ...[
        "",
        "?limit=1",
        "?limit=2",
        "?limit=3",
        "?after=/h/a",
        "?after=/h/x/c",
        "?depth=1",
        "?include=",
      ].map((query) => get(`/v1/tree/h${query}`)),
      get("/v1/tree/h", { accept: "application/x-ndjson" }),
      get("/v1/export/h"),
      get("/v1/export/h?after=/h/x"),
      get("/v1/export-children/h?include=stat,data"),
      get("/v1/children/h?include=stat,data", { accept: "application/x-ndjson" }),
    ],
  },
  {
    name: "events, told live and from the history",
    rules: [{ prefix: "/h", allow: ["read"] }, hidden("/h/x")],
    differ: async (worlds) => {
      await worlds.same(does(create("/h"), create("/h/a"), create("/h/x")));
      await worlds.differ(does(set("/h/x", "secret")), null);
    },
    streams: [
      watch("path=/h&scope=subtree&sinceZxid=1"),
      watch("path=/h&scope=subtree"),
      watch("path=/h&scope=children&initial=true"),
      watch("path=/h/x"),
      watch("path=/&scope=subtree&sinceZxid=1"),
      watch("path=/h&scope=subtree&once=true"),
    ],
    meanwhile: [
      does(
        set("/h/x", "secret"),
        transact({ op: "set", path: "/h/a", data: "open" }, { op: "create", path: "/h/x/c", data: "secret" }),
        remove("/v1/znodes/h/x/c"),
      ),
      does(
        set("/zz-scratch", ""),
        transact({ op: "set", path: "/h/a", data: "open" }, { op: "set", path: "/zz-scratch" }),
      ),
    ],
  },
  {
    name: "the size of a snapshot's pages",
    rules: [{ prefix: "/h", allow: ["read"] }, hidden("/h/b")],
    differ: async (worlds) => {
      await worlds.same(does(create("/h"), create("/h/a", "open"), create("/h/b"), create("/h/c", "open")));
      await worlds.differ(does(set("/h/b", "secret".repeat(20_000))), null);
    },
    streams: [watch("path=/h&scope=subtree&initial=true"), watch("path=/h&scope=children&initial=true")],
  },
  {
    name: "when a long poll wakes up",
    rules: [{ prefix: "/h", allow: ["read"] }, hidden("/h/x")],
    differ: (worlds) => worlds.same(does(create("/h"), create("/h/x"))),
    waits: [
      get("/v1/znodes/h/x?waitAfterZxid=13&waitMs=1000"),
      get("/v1/children/h/x?waitAfterZxid=13&waitMs=1000"),
      get("/v1/znodes/h?waitAfterZxid=13&waitMs=1000"),
      get("/v1/children/h?waitAfterZxid=13&waitMs=1000"),
    ],
    meanwhile: [does(set("/h/x", "secret")), null],
  },
  {
    name: "sessions of others, their names and their ends",
    rules: [{ prefix: "/", allow: ["read", "session"] }, hidden("/h")],
    differ: async (worlds) => {
      await worlds.same(does(create("/h")));
      await worlds.differ(asSession("alice", create("/h/e", "", "?ephemeral=true")), null);
      const id = worlds.a.others.sessions[0]?.id as string;
      // The caller has heard of it, and asks in both worlds for the same.
      for (const { caller } of [worlds.a, worlds.b]) caller.sessions.push({ id, token: "another-token" });
    },
    asks: [
      get("/v1/sessions"),
      get("/v1/sessions/{session 0}"),
      put("/v1/sessions/{session 0}", undefined, { session: 0 }),
      remove("/v1/sessions/{session 0}", { session: 0 }),
      post("/v1/sessions/keepalive", { tokens: ["{token 0}"] }),
    ],
    streams: [get("/v1/sessions/{session 0}/events")],
    isToldToNobody: true,
  },
  {
    name: "tokens, policies and open watches",
    rules: [{ prefix: "/", allow: ["read", "write", "create", "delete", "session", "coordinate"] }],
    differ: (worlds) =>
      worlds.differ(
        does(
          put("/v1/admin/policies/secret", { rules: [{ prefix: "/a", allow: ["read"] }] }),
          post("/v1/admin/tokens", { name: "secret", policies: ["secret"] }),
        ),
        null,
      ),
    asks: [
      get("/v1/whoami"),
      get("/v1/admin/tokens"),
      get("/v1/admin/tokens/secret"),
      get("/v1/admin/policies"),
      get("/v1/admin/policies/secret"),
      put("/v1/admin/policies/secret", { rules: [] }),
      remove("/v1/admin/policies/secret"),
      post("/v1/admin/tokens", { name: "secret", policies: ["admin"] }),
      remove("/v1/admin/tokens/secret"),
      get("/v1/admin/watches"),
      remove("/v1/admin/watches/1"),
      get("/v1/admin/connections"),
      remove("/v1/admin/connections/1"),
      get("/v1/admin/servers"),
      post("/v1/admin/drain", {}),
      remove("/v1/admin/drain"),
      get("/v1/admin/ended-sessions"),
      get("/v1/stats"),
    ],
  },
  {
    name: "the sizes of what was written",
    rules: [{ prefix: "/mine", allow: verbs }],
    differ: (worlds) => worlds.differ(does(create("/h", "secret".repeat(1000))), does(create("/h"))),
    asks: [get("/v1/limits"), post("/v1/sync"), get("/readyz?verbose"), get("/livez"), get("/")],
  },
  {
    name: "what became of another's request with the same key",
    rules: [everything],
    differ: async (worlds) => {
      const keyed = (key: string) => ({ ...create("/h"), headers: { "idempotency-key": key } });
      await worlds.differ(does(keyed("key")), does(keyed("another")));
    },
    asks: [{ ...create("/h"), headers: { "idempotency-key": "key" } }],
    isToldToNobody: true,
  },
];
