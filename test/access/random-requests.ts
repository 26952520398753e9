// Whatever somebody may ask, drawn at random: paths and names that others use as well, so that many of them meet what is
// there, and conditions and cursors that are sometimes right.

import fc from "fast-check";
import { recipePaths, treePaths } from "./random-worlds.ts";
import type { Asked } from "./worlds.ts";

const path = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(...treePaths) },
  fc.constantFrom("/", ...treePaths.map((each) => `${each}/n-0000000000`)),
  fc.constantFrom(
    ...Object.values(recipePaths),
    "/locks",
    "/services",
    "/locks/x/s-0000000000",
    "/services/w/i0",
  ),
);

const data = fc.constantFrom("", "1", "mine");
const zxid = fc.integer({ min: 8, max: 60 });
const version = fc.integer({ min: -1, max: 2 });
const tag = fc.oneof(
  fc.tuple(zxid, version).map(([czxid, number]) => `"${czxid}-${Math.max(0, number)}"`),
  zxid.map((changed) => `"${changed}"`),
  fc.constant("*"),
);
const flag = fc.boolean();

/** Of a record, the members that are set, as a query. */
function query(members: Readonly<Record<string, fc.Arbitrary<string | number | boolean | undefined>>>) {
  return fc.record(members).map((values) => {
    const given = Object.entries(values).filter(([, value]) => value !== undefined && value !== false);
    const texts = Object.fromEntries(given.map(([each, value]) => [each, String(value)]));
    const text = new URLSearchParams(texts).toString();
    return text === "" ? "" : `?${text}`;
  });
}

const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined, freq: 2 });

/** Too many conditions at once leave nothing to be done. */
const seldom = <T>(arbitrary: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 7, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary });

const includes = maybe(fc.constantFrom("stat", "data", "stat,data"));
const limit = maybe(fc.integer({ min: 1, max: 3 }));
const name = fc.constantFrom("a", "b", "n-0000000000");

const reads: fc.Arbitrary<Asked> = fc
  .record({
    method: fc.constantFrom("GET", "GET", "HEAD"),
    url: fc.oneof(
      of("/v1/znodes", query({ raw: flag, encoding: maybe(fc.constant("base64")) })),
      of("/v1/data", fc.constant("")),
      of(
        "/v1/children",
        query({ limit, after: maybe(name), prefix: maybe(fc.constantFrom("a", "n")), include: includes }),
      ),
      of("/v1/tree", query({ limit, depth: maybe(fc.nat(2)), after: maybe(path), include: includes })),
      of("/v1/export", query({ depth: maybe(fc.nat(2)), include: includes })),
      of("/v1/export-children", query({ include: includes })),
      of("/v1/quotas", fc.constant("")),
    ),
    headers: fc.oneof(
      fc.constant({}),
      tag.map((known) => ({ "if-none-match": known })),
      fc.constant({ accept: "application/x-ndjson" }),
    ),
  })
  .map((asked) => asked as Asked);

function of(prefix: string, queryText: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc.tuple(path, queryText).map(([each, text]) => `${prefix}${each}${text}`);
}

/** Whom a write is for, and under which conditions. */
const context = fc
  .record({
    session: fc.constantFrom(undefined, 0, 0, 0, 0, 1),
    fence: seldom(fc.tuple(path, zxid)),
    key: seldom(fc.constantFrom("one", "another")),
    ifMatch: seldom(tag),
    ifNoneMatch: seldom(fc.constant("*")),
  })
  .map(({ session, fence, key, ifMatch, ifNoneMatch }) => ({
    ...(session !== undefined && { session }),
    headers: {
      ...(fence !== undefined && { fence: `${fence[0]}@${fence[1]}` }),
      ...(key !== undefined && { "idempotency-key": key }),
      ...(ifMatch !== undefined && { "if-match": ifMatch }),
      ...(ifNoneMatch !== undefined && { "if-none-match": ifNoneMatch }),
    },
  }));

/** The request, for somebody and under conditions. */
function write(
  method: string,
  url: fc.Arbitrary<string>,
  body: fc.Arbitrary<unknown> = fc.constant(undefined),
) {
  return fc
    .tuple(url, body, context)
    .map(([each, content, rest]): Asked => ({ method, url: each, ...rest, body: content }));
}

const writes: fc.Arbitrary<Asked> = fc.oneof(
  write("POST", of("/v1/znodes", query({ sequential: flag, ephemeral: flag, parents: flag })), data),
  write("PUT", of("/v1/znodes", query({ version: seldom(version), upsert: flag })), data),
  write("DELETE", of("/v1/znodes", query({ version: seldom(version), recursive: flag }))),
  write("DELETE", of("/v1/tree", fc.constant(""))),
  write("PUT", of("/v1/quotas", fc.constant("")), fc.constantFrom({ countHard: 3 }, { bytesSoft: 1 })),
  write("DELETE", of("/v1/quotas", fc.constant(""))),
);

const change = fc.oneof(
  fc.record({ op: fc.constant("create"), path, data, sequential: flag }),
  fc.record({ op: fc.constant("set"), path, data, version: seldom(version) }),
  fc.record({ op: fc.constant("delete"), path, version: seldom(version) }),
  {
    weight: 3,
    arbitrary: fc.record({ op: fc.constant("increment"), path, by: fc.integer({ min: -1, max: 1 }) }),
  },
  fc.record({ op: fc.constant("check"), path, version: maybe(version) }),
  fc.record({ op: fc.constant("check"), path, exists: fc.constant(false) }),
);
const look = fc.oneof(
  fc.record({ op: fc.constantFrom("get", "exists"), path }),
  fc.record({ op: fc.constant("children"), path, include: includes, limit }),
);

/** Often only one, which no other keeps from being done. */
const few = <T>(arbitrary: fc.Arbitrary<T>, max: number) =>
  fc.oneof(
    arbitrary.map((one) => [one]),
    fc.array(arbitrary, { minLength: 1, maxLength: max }),
  );

const many: fc.Arbitrary<Asked> = fc.oneof(
  write(
    "POST",
    fc.constant("/v1/transactions"),
    few(change, 2).map((operations) => ({ operations })),
  ),
  write(
    "POST",
    fc.constant("/v1/batch"),
    few(fc.oneof(change, look), 4).map((operations) => ({ operations })),
  ),
  write(
    "POST",
    fc
      .record({
        url: fc.constantFrom("/v1/import", "/v1/import-with-progress"),
        query: query({ onConflict: maybe(fc.constantFrom("skip", "replace")), dryRun: flag }),
      })
      .map((parts) => parts.url + parts.query),
    few(fc.record({ path, data }), 2).map((znodes) =>
      znodes.map((znode) => `${JSON.stringify(znode)}\n`).join(""),
    ),
  ).map(({ headers: { "if-match": _, "if-none-match": __, ...headers } = {}, ...rest }) => ({
    ...rest,
    headers,
  })),
);

const recipes: fc.Arbitrary<Asked> = fc.oneof(
  write(
    "POST",
    fc.constant("/v1/locks/x/claims"),
    fc.constantFrom({}, { mode: "shared" }, { permits: 2 }, { metadata: "mine" }),
  ),
  write("PUT", fc.constant("/v1/locks/x"), fc.constantFrom({ lockDelayMs: 5 }, { permits: 2 })),
  write("DELETE", placeUrl("/v1/locks/x/claims", "s-")),
  write("POST", fc.constant("/v1/elections/e/candidates"), fc.constant({ value: "mine" })),
  write("PUT", placeUrl("/v1/elections/e/candidates", "c-"), fc.constant({ value: "changed" })),
  write("DELETE", placeUrl("/v1/elections/e/candidates", "c-")),
  write(
    "PUT",
    fc.constantFrom(
      "/v1/services/w/instances/i0",
      "/v1/services/w/instances/mine",
      "/v1/services/w/instances/i0?force=true",
    ),
    fc.constant({ address: "mine", port: 1 }),
  ),
  write("PATCH", fc.constant("/v1/services/w/instances/i0"), fc.constant({ port: 2 })),
  write("DELETE", fc.constantFrom("/v1/services/w/instances/i0", "/v1/services/w/instances/mine")),
  write(
    "POST",
    fc.constant("/v1/barriers/b"),
    fc.record({
      action: fc.constantFrom("enter", "leave"),
      count: fc.constantFrom(1, 9),
      participant: fc.constantFrom("p0", "mine"),
    }),
  ),
  write("POST", fc.constantFrom("/v1/counters/c", "/v1/counters/d"), fc.constantFrom({}, { by: 0 })),
  fc
    .constantFrom(
      ...["/v1/locks", "/v1/locks/x", "/v1/locks/x/claims/s-0000000000", "/v1/elections", "/v1/elections/e"],
      ...[
        "/v1/elections/e/candidates/c-0000000000",
        "/v1/services",
        "/v1/services/w",
        "/v1/services/w?tag=one",
      ],
      ...["/v1/services/w?limit=1", "/v1/services/w/instances/i0", "/v1/barriers", "/v1/barriers/b"],
      ...["/v1/counters", "/v1/counters/c"],
    )
    .map((url): Asked => ({ method: "GET", url })),
);

function placeUrl(places: string, prefix: string): fc.Arbitrary<string> {
  return fc
    .tuple(fc.nat(2), query({ force: flag }))
    .map(([number, text]) => `${places}/${prefix}000000000${number}${text}`);
}

const opensSession: Asked = {
  method: "POST",
  url: "/v1/sessions",
  body: { timeoutMs: 3_600_000, name: "mine" },
};

const sessionsAndAdmin: fc.Arbitrary<Asked> = fc.constantFrom<Asked>(
  opensSession,
  { method: "GET", url: "/v1/sessions" },
  { method: "GET", url: "/v1/sessions/{session 0}" },
  { method: "PUT", url: "/v1/sessions/{session 0}", session: 0 },
  { method: "DELETE", url: "/v1/sessions/{session 0}", session: 0 },
  { method: "POST", url: "/v1/sessions/keepalive", body: { tokens: ["{token 0}", "{token 1}"] } },
  { ...opensSession, headers: { "idempotency-key": "one" } },
  ...[
    "/v1/admin/tokens",
    "/v1/admin/tokens/more",
    "/v1/admin/policies",
    "/v1/admin/watches",
    "/v1/whoami",
  ].map((url) => ({ method: "GET", url })),
  ...["/v1/limits", "/readyz?verbose", "/v1/quotas", "/v1/quotas?limit=1"].map((url) => ({
    method: "GET",
    url,
  })),
  { method: "POST", url: "/v1/sync" },
  { method: "DELETE", url: "/v1/admin/watches/1" },
  { method: "POST", url: "/v1/admin/tokens", body: { name: "more", policies: ["admin"] } },
);

export const requestArbitrary: fc.Arbitrary<Asked> = fc.oneof(
  { weight: 5, arbitrary: reads },
  { weight: 5, arbitrary: writes },
  { weight: 6, arbitrary: many },
  { weight: 5, arbitrary: recipes },
  { weight: 1, arbitrary: sessionsAndAdmin },
);

/** What is answered when something has changed, or when it has waited for a second. */
export const waitArbitrary: fc.Arbitrary<Asked> = fc
  .tuple(fc.constantFrom("/v1/znodes", "/v1/data", "/v1/children"), path, zxid)
  .map(([prefix, each, after]) => ({
    method: "GET",
    url: `${prefix}${each}?waitAfterZxid=${after}&waitMs=1000`,
  }));

/** What tells of changes for as long as it is open. */
export const streamArbitrary: fc.Arbitrary<Asked> = fc
  .oneof(
    fc
      .tuple(
        few(fc.oneof(fc.constantFrom("/", "/a", "/b"), path), 2),
        query({
          scope: maybe(fc.constantFrom("children", "subtree", "subtree")),
          initial: flag,
          data: maybe(fc.constant("false")),
          once: seldom(flag),
        }),
        maybe(zxid),
      )
      .map(([paths, text, since]) => {
        const selected = paths.map((each) => `path=${encodeURIComponent(each)}`).join("&");
        const resumes = since === undefined ? "" : `&sinceZxid=${since}`;
        return `/v1/watch?${selected}${text.replace("?", "&")}${resumes}`;
      }),
    fc.constantFrom(
      ...[
        "/v1/locks/x/events",
        "/v1/elections/e/events",
        "/v1/services/w/events",
        "/v1/services/w/events?tag=one",
      ],
      "/v1/sessions/{session 0}/events",
    ),
  )
  .map((url) => ({ method: "GET", url }));
