// The digest of a state: kept up to date or taken anew, it is the same, and it notices every field.

import { expect, test } from "vitest";
import { openAcl } from "../../src/core/acl/acl.ts";
import { Digest } from "../../src/core/digest.ts";
import type { Quota, QuotaLimits } from "../../src/core/quotas/quota.ts";
import type { Reply } from "../../src/core/replies/reply.ts";
import type { Session } from "../../src/core/session.ts";
import { rootZnode, type Znode } from "../../src/core/tree/znode.ts";
import { bytes } from "../support/keeper.ts";

const znode: Znode = { ...rootZnode(), id: 7, path: "/a", data: bytes("hello") };
const session: Session = {
  id: "0000000000000001",
  tokenHash: "abc",
  timeoutMs: 1000,
  name: "worker",
  openedZxid: 3,
  openedAtMs: 1_700_000_000_000,
};

const reply: Reply = {
  scope: "c/s",
  key: "aa",
  request: "bb",
  zxid: 4,
  timeMs: 1_700_000_000_000,
  ranMs: 5,
  outcome: "{}",
};
const quota: Quota = {
  path: "/a",
  limits: { countSoft: 1, countHard: 2, bytesSoft: 3, bytesHard: 4 },
  count: 1,
  bytes: 5,
};

function digestOf(work: (digest: Digest) => void): string {
  const digest = new Digest();
  work(digest);
  return digest.toString();
}

const ofZnode = (one: Znode) => digestOf((digest) => digest.addZnode(one));
const ofReply = (one: Reply) => digestOf((digest) => digest.addReply(one));
const ofQuota = (one: Quota) => digestOf((digest) => digest.addQuota(one));
const ofSession = (one: Session) => digestOf((digest) => digest.addSession(one));

test("is 16 hex digits, and of nothing 0", () => {
  expect(new Digest().toString()).toBe("0000000000000000");
  expect(ofZnode(znode)).toMatch(/^[0-9a-f]{16}$/);
});

test("does not depend on the order of the parts", () => {
  const parts = Array.from({ length: 100 }, (_, id) => ({ ...znode, id, path: `/${id}` }));
  const forwards = digestOf((digest) => {
    for (const part of parts) digest.addZnode(part);
    digest.addSession(session);
  });
  const backwards = digestOf((digest) => {
    digest.addSession(session);
    for (const part of parts.toReversed()) digest.addZnode(part);
  });
  expect(forwards).toBe(backwards);
});

test("a part that is removed leaves no trace", () => {
  const without = ofZnode(znode);
  const after = digestOf((digest) => {
    digest.addZnode({ ...znode, version: 1 });
    digest.addSession(session);
    digest.addZnode(znode);
    digest.addReply(reply);
    digest.removeSession(session);
    digest.removeReply(reply);
    digest.removeZnode({ ...znode, version: 1 });
  });
  expect(after).toBe(without);
});

test.each(Object.keys(znode) as (keyof Znode)[])("notices a changed %s of a znode", (field) => {
  const changed: Record<keyof Znode, unknown> = {
    ...{ id: 8, path: "/b", data: bytes("hellp"), czxid: 1, mzxid: 1, pzxid: 1, ctimeMs: 1, mtimeMs: 1 },
    ...{ version: 1, aversion: 1, cversion: 1, nextSequence: 1, numChildren: 1 },
    ...{ ephemeralOwner: "0000000000000001", sequence: 0, ttlMs: 1, container: true, writtenRanMs: 1 },
    attempts: ["a"],
    acl: { id: 1, entries: openAcl.entries },
  };
  expect(ofZnode({ ...znode, [field]: changed[field] })).not.toBe(ofZnode(znode));
});

test.each(Object.keys(session) as (keyof Session)[])("notices a changed %s of a session", (field) => {
  const value = session[field];
  const changed = typeof value === "number" ? value + 1 : `${value}x`;
  expect(ofSession({ ...session, [field]: changed })).not.toBe(ofSession(session));
});

test.each(Object.keys(reply) as (keyof Reply)[])("notices a changed %s of a reply", (field) => {
  const value = reply[field];
  const changed = typeof value === "number" ? value + 1 : `${value}x`;
  expect(ofReply({ ...reply, [field]: changed })).not.toBe(ofReply(reply));
});

test.each(Object.keys(quota.limits) as (keyof QuotaLimits)[])(
  "notices a changed %s of a quota, none and 0 being two things",
  (name) => {
    const { [name]: _, ...others } = quota.limits;
    const variants = [quota.limits, others, { ...others, [name]: 0 }, { ...others, [name]: 9 }];
    const digests = new Set(variants.map((limits) => ofQuota({ ...quota, limits })));
    expect(digests.size).toBe(variants.length);
    expect(ofQuota({ ...quota, path: "/b" })).not.toBe(ofQuota(quota));
  },
);

test("leaves out what a quota counts, which follows from the znodes", () => {
  expect(ofQuota({ ...quota, count: 7, bytes: 7 })).toBe(ofQuota(quota));
  const removed = digestOf((digest) => {
    digest.addQuota(quota);
    digest.removeQuota(quota);
  });
  expect(removed).toBe("0000000000000000");
});

test("notices where data ends, in every length around a word", () => {
  const values = ["", "\0", "\0\0", "\0\0\0", "\0\0\0\0", "\0\0\0\0\0", "\0\0\0\0\x01", "\0\0\0\x01\0"];
  const digests = new Set(values.map((value) => ofZnode({ ...znode, data: bytes(value) })));
  expect(digests.size).toBe(values.length);
});

test("notices numbers beyond 32 bits", () => {
  const zxids = [1, 2 ** 32 + 1, 2 ** 33 + 1, Number.MAX_SAFE_INTEGER];
  expect(new Set(zxids.map((mzxid) => ofZnode({ ...znode, mzxid }))).size).toBe(zxids.length);
});

test("of a hundred thousand similar znodes no two have the same", () => {
  const digests = new Set<string>();
  for (let id = 0; id < 100_000; id += 1) digests.add(ofZnode({ ...znode, id, path: `/q/n-${id}` }));
  expect(digests.size).toBe(100_000);
});

test("notices two parts that swapped a value", () => {
  const pair = (first: string, second: string) =>
    digestOf((digest) => {
      digest.addZnode({ ...znode, data: bytes(first) });
      digest.addZnode({ ...znode, path: "/b", data: bytes(second) });
    });
  expect(pair("x", "y")).not.toBe(pair("y", "x"));
});
