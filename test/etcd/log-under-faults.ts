// The log in etcd keeps what every log keeps, whatever becomes of what is sent and heard.

import { afterAll } from "vitest";
import { describeLog } from "../store/log-suite.ts";
import { rounds } from "../support/effort.ts";
import { etcdHome } from "./etcd-home.ts";
import { Etcd } from "./etcd-process.ts";
import { type Faults, FaultyClient, kindsOfFaults, noFaults } from "./faulty-client.ts";

/** The suite asks one thing after the other: what takes long each time would take long in all. */
const delayMsMax = 3;

/** Where so many come together, chance has more to say. */
const kindsTogetherMin = 2;

/** On so many members, for each kind of fault and each seed. */
export async function describeLogUnderFaults(members: number): Promise<void> {
  const etcd = await Etcd.start(members);
  afterAll(() => etcd.stop());
  for (const [kind, faults] of Object.entries(kindsOfFaults)) {
    const asked: Faults = { ...noFaults, ...faults, ...(faults.delayMsMax !== undefined && { delayMsMax }) };
    const count = Object.keys(faults).length > kindsTogetherMin ? rounds({ usual: 1, full: 4 }) : 1;
    for (let seed = 1; seed <= count; seed += 1) {
      let opened = 0;
      const home = () =>
        etcdHome(etcd.endpoints, (client) => {
          opened += 1;
          return new FaultyClient(client, asked, seed * 1000 + opened);
        });
      describeLog(`etcd x ${members}, where ${kind}, seed ${seed},`, home);
    }
  }
}
