// Of several members one that does not answer is left for the next, whoever of those who asked it finds out.

import { expect, test } from "vitest";
import { EtcdClient } from "../../src/store/etcd/etcd-client.ts";
import { bytesOf } from "../../src/store/etcd/keys.ts";
import { freePort } from "../support/ports.ts";
import { Etcd } from "./etcd-process.ts";

test.for([1, 2, 3])("%i who ask a member that is gone at once are not led back to it", async (count, context) => {
  const etcd = await Etcd.start(1);
  context.onTestFinished(() => etcd.stop());
  const gone = `http://127.0.0.1:${await freePort()}`;
  const client = new EtcdClient({ endpoints: [gone, ...etcd.endpoints] });
  const ask = () => client.range({ key: bytesOf("any") });
  const asked = await Promise.allSettled(Array.from({ length: count }, ask));
  expect(asked.map(({ status }) => status)).toEqual(asked.map(() => "rejected"));
  expect((await ask()).kvs).toEqual([]);
});
