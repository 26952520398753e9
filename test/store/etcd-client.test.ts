// What the client of etcd makes of answers: of those that are none, of a member that fails some, and of tokens that are taken
// no more.

import { describe, expect, onTestFinished, test } from "vitest";
import { EtcdClient } from "../../src/store/etcd/etcd-client.ts";
import { isOfTheWay, isOutOfSpace } from "../../src/store/etcd/etcd-errors.ts";
import { bytesOf } from "../../src/store/etcd/keys.ts";
import { type Asked, encoded, prefixed, ScriptedEtcd } from "./scripted-etcd.ts";

const key = bytesOf("any");
const everything = { key, rangeEnd: bytesOf("b"), startRevision: 1n };
const [invalidArgument, permissionDenied, resourceExhausted] = [3, 7, 8];
const [unavailable, unauthenticated] = [14, 16];

async function started(onAsked: (asked: Asked) => void): Promise<string> {
  const etcd = await ScriptedEtcd.start(onAsked);
  onTestFinished(() => etcd.stop());
  return etcd.endpoint;
}

/** What is asked waits here until it is taken. */
async function startedByHand(): Promise<{ endpoint: string; next: () => Promise<Asked> }> {
  const came: Asked[] = [];
  const endpoint = await started((asked) => void came.push(asked));
  const next = async () => {
    await expect.poll(() => came.length).toBeGreaterThan(0);
    return came.shift() as Asked;
  };
  return { endpoint, next };
}

async function failureOf(asked: Promise<unknown>): Promise<Error> {
  return await asked.then(
    () => Promise.reject(new Error("it was answered")),
    (error: Error) => error,
  );
}

function firstHeard(client: EtcdClient): Promise<unknown> {
  return client.watch(everything, new AbortController().signal).next();
}

describe("an answer that is none", () => {
  const range = encoded("KV.range", { count: 3n });
  const answers: Readonly<Record<string, readonly [reason: string, answer: (asked: Asked) => unknown]>> = {
    // None of them comes to an end by itself but the last.
    "that says it is longer than any": [
      "longer than",
      (asked) => asked.begin().send(prefixed(new Uint8Array(), { length: 0xffff_ffff })),
    ],
    "that says it is compressed": ["compressed", (asked) => asked.begin().send(prefixed(key, { flag: 1 }))],
    "that cannot be decoded": ["", (asked) => asked.reply(prefixed(new Uint8Array([0xff, 0xff])))],
    "of a gateway": [
      "HTTP status 502",
      ({ stream }) => {
        stream.respond({ ":status": 502, "content-type": "text/html" });
        stream.end("<html>Bad gateway</html>");
      },
    ],
  };

  describe.for(Object.entries(answers))("%s", ([, [reason, answer]]) => {
    test("fails a call as if there was none", async () => {
      const client = new EtcdClient({ endpoints: [await started(answer)] });
      const error = await failureOf(client.range({ key }));
      expect(isOfTheWay(error)).toBe(true);
      expect(error.message).toContain(reason);
    });

    test("fails a watch", async () => {
      const client = new EtcdClient({ endpoints: [await started(answer)] });
      const error = await failureOf(firstHeard(client));
      expect(isOfTheWay(error)).toBe(true);
      expect(error.message).toContain(reason);
    });
  });

  test("since there are two of them fails a call", async () => {
    const client = new EtcdClient({ endpoints: [await started((asked) => asked.reply(range, range))] });
    await expect(client.range({ key })).rejects.toThrow("more than one");
  });

  test("since its end is missing fails a call", async () => {
    const half = await started((asked) => asked.reply(range.subarray(0, -1)));
    await expect(new EtcdClient({ endpoints: [half] }).range({ key })).rejects.toThrow("broke off");
  });
});

test("a watch hears each message once, however the bytes come", async () => {
  const answers = Array.from({ length: 4 }, (_, index) =>
    encoded("Watch.watch", { cancelReason: `number ${index}` }),
  );
  const all = Buffer.concat(answers);
  const { endpoint, next } = await startedByHand();
  const abort = new AbortController();
  const heard: string[] = [];
  const watch = async () => {
    for await (const { cancelReason } of new EtcdClient({ endpoints: [endpoint] }).watch(
      everything,
      abort.signal,
    ))
      heard.push(cancelReason);
  };
  const watching = watch();
  const asked = (await next()).begin();
  asked.send(all);
  await expect.poll(() => heard.length).toBe(4);
  for (const byte of all) {
    await new Promise((resolve) => asked.stream.write(Buffer.of(byte), resolve));
    await new Promise(setImmediate);
  }
  await expect.poll(() => heard.length).toBe(8);
  expect(heard.slice(4)).toEqual(heard.slice(0, 4));
  abort.abort();
  await watching;
});

test("where there is one member a call that fails takes no other with it, nor a watch", async () => {
  const { endpoint, next } = await startedByHand();
  const client = new EtcdClient({ endpoints: [endpoint] });
  const abort = new AbortController();
  const watching = client.watch(everything, abort.signal);
  const heard = watching.next();
  const watched = await next();
  const slow = client.range({ key });
  const asked = await next();
  const refused = failureOf(client.range({ key }));
  (await next()).refuse(unavailable, "etcdserver: no leader");
  expect((await refused).message).toContain("no leader");
  asked.reply(encoded("KV.range", { count: 7n }));
  expect((await slow).count).toBe(7n);
  watched.begin().send(encoded("Watch.watch", { created: true }));
  expect((await heard).value).toMatchObject({ created: true });
  abort.abort();
  await watching.next();
});

test("where one of two members is left, who waits for it is told why and asks the other", async () => {
  const { endpoint, next } = await startedByHand();
  const other = await started((asked) => asked.reply(encoded("KV.range", { count: 7n })));
  const client = new EtcdClient({ endpoints: [endpoint, other] });
  const slow = failureOf(client.range({ key }));
  await next();
  const refused = failureOf(client.range({ key }));
  (await next()).refuse(unavailable, "etcdserver: no leader");
  expect((await refused).message).toContain("etcdserver: no leader");
  expect((await slow).message).toContain(`${endpoint} was left: etcdserver: no leader`);
  expect((await client.range({ key })).count).toBe(7n);
});

test("what etcd does not permit it does not permit elsewhere: its member is not left", async () => {
  const { endpoint, next } = await startedByHand();
  const client = new EtcdClient({ endpoints: [endpoint, await started(() => {})] });
  const refused = failureOf(client.alarms());
  (await next()).refuse(permissionDenied, "etcdserver: permission denied");
  expect((await refused).message).toContain("permission denied");
  const asked = client.range({ key });
  (await next()).reply(encoded("KV.range", { count: 7n }));
  expect((await asked).count).toBe(7n);
});

test.for([
  ["etcdserver: mvcc: database space exceeded", true],
  ["etcdserver: too many requests", false],
  ["http/2 connection closed with error code ENHANCE_YOUR_CALM (0xb), too_many_pings", false],
] as const)("'%s' says that etcd is full: %s", async ([message, isFull]) => {
  const endpoint = await started((asked) => asked.refuse(resourceExhausted, message));
  const error = await failureOf(new EtcdClient({ endpoints: [endpoint] }).range({ key }));
  expect([isOutOfSpace(error), isOfTheWay(error)]).toEqual([isFull, true]);
});

test.for([
  [unauthenticated, "etcdserver: invalid auth token"],
  [invalidArgument, "etcdserver: revision of auth store is old"],
] as const)(
  "with a token that is taken no more another is asked for, once: %i, %s",
  async ([code, message]) => {
    let tokens = 0;
    const endpoint = await started((asked) => {
      if (asked.path.endsWith("/Authenticate")) {
        tokens += 1;
        asked.reply(encoded("Auth.authenticate", { token: `token ${tokens}` }));
      } else if (asked.headers.token === "token 1") asked.refuse(code, message);
      else asked.reply(encoded("KV.range", { count: 7n }));
    });
    const client = new EtcdClient({ endpoints: [endpoint], user: { name: "tree", password: "secret" } });
    const askThrice = () => Promise.allSettled(Array.from({ length: 3 }, () => client.range({ key })));
    expect((await askThrice()).map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected"]);
    expect(tokens).toBe(1);
    expect((await askThrice()).map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "fulfilled"]);
    expect(tokens).toBe(2);
  },
);
