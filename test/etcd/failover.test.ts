// Of several members one that does not answer is left for the next, whoever of those who asked it finds out.

import { expect, test } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { usualPaces } from "../../src/store/etcd/connection.ts";
import { EtcdClient } from "../../src/store/etcd/etcd-client.ts";
import { EtcdLog } from "../../src/store/etcd/etcd-log.ts";
import { bytesOf } from "../../src/store/etcd/keys.ts";
import { freePort } from "../support/ports.ts";
import { Etcd, type EtcdMember } from "./etcd-process.ts";
import { indexOfMember } from "./nemesis/harms.ts";

test.for([1, 2, 3])(
  "%i who ask a member that is gone at once are not led back to it",
  async (count, context) => {
    const etcd = await Etcd.start(1);
    context.onTestFinished(() => etcd.stop());
    const gone = `http://127.0.0.1:${await freePort()}`;
    const client = new EtcdClient({ endpoints: [gone, ...etcd.endpoints] });
    const ask = () => client.range({ key: bytesOf("any") });
    const asked = await Promise.allSettled(Array.from({ length: count }, ask));
    expect(asked.map(({ status }) => status)).toEqual(asked.map(() => "rejected"));
    expect((await ask()).kvs).toEqual([]);
  },
);

test("a member that stands still is left before anybody has to say that the log is out of reach", async ({
  onTestFinished,
}) => {
  const etcd = await Etcd.start(3);
  onTestFinished(() => etcd.stop());
  const stopped = etcd.members[(await indexOfMember(etcd, "etcd follower")) ?? 0] as EtcdMember;
  onTestFinished(() => stopped.signal("SIGCONT"));
  const others = etcd.endpoints.filter((endpoint) => endpoint !== stopped.endpoint);
  const client = new EtcdClient({ endpoints: [stopped.endpoint, ...others] });
  const paces = { ...usualPaces, suspendAfterMs: 4500 };
  const log = await EtcdLog.open({ client, clock: systemClock, prefix: "/still/", paces });
  onTestFinished(() => log.close());
  const [heard, states]: [number[], string[]] = [[], []];
  log.follow(0, (entries) => {
    heard.push(...entries.map(({ lsn }) => lsn));
  });
  log.onState(({ state }) => states.push(state));
  await log.append(1, bytesOf("before"));
  stopped.signal("SIGSTOP");
  expect(await log.append(2, bytesOf("while it stands still"))).toBe(2);
  await expect.poll(() => heard).toEqual([1, 2]);
  expect(states).toEqual([]);
});
