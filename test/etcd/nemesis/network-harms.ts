// What befalls the network of a cluster whose servers and members have namespaces of their own. Where it can, it cuts off
// the server that somebody asks who holds a lock: what they believe has to end before another holds.

import { setTimeout as wait } from "node:timers/promises";
import type { Cluster } from "../cluster.ts";
import type { Contention } from "./contention.ts";
import { type Harm, whoIs } from "./harms.ts";
import type { Wires } from "./wires.ts";

const servers = ["s0", "s1", "s2"];
const members = ["m0", "m1", "m2"];
const all = [...servers, ...members];
/** Longer than the sessions of those who contend, and their keepalive before it. */
const cutMsMin = 1100;
const cutMsMax = 1500;
const shortMsMax = 800;

interface World {
  readonly wires: Wires;
  readonly contention: Contention;
  /** Where what is asked too late is asked has to go to another server. */
  readonly onServerLost: (server: number) => void;
}

export function networkHarms({ wires, contention, onServerLost }: World): readonly Harm[] {
  /** It is told before, so that somebody else can be asked. */
  const losing = (server: number) => {
    onServerLost(server);
    return `s${server}`;
  };

  /** A server that a holder asks, or any. */
  const someServer = (chance: () => number) => {
    const asked = contention.holdersServers;
    const index = asked[Math.floor(chance() * asked.length)];
    return index ?? Math.floor(chance() * servers.length);
  };

  const cutFor = async (ms: number, cut: () => Promise<void>) => {
    await cut();
    await wait(ms);
    await wires.heal();
    return true;
  };

  const longMs = (chance: () => number) => cutMsMin + chance() * (cutMsMax - cutMsMin);
  const shortMs = (chance: () => number) => shortMsMax * (0.4 + 0.6 * chance());

  return [
    {
      name: "a server cut off from etcd",
      befall: (_, chance) => {
        const server = losing(someServer(chance));
        return cutFor(longMs(chance), () => wires.cut([server], members));
      },
    },
    {
      name: "a server and its member cut off from the rest",
      befall: (_, chance) => {
        const index = someServer(chance);
        const pair = [losing(index), `m${index}`];
        return cutFor(longMs(chance), () => wires.cut(pair, withoutThese(pair)));
      },
    },
    {
      name: "the etcd leader alone",
      befall: async (cluster, chance) => {
        const leader = await leaderOf(cluster);
        if (leader === undefined) return false;
        return await cutFor(shortMs(chance), () => wires.cut([leader], withoutThese([leader])));
      },
    },
    {
      name: "one way alone",
      befall: async (cluster, chance) => {
        const leader = await leaderOf(cluster);
        if (leader === undefined) return false;
        const isOfServer = chance() < 0.5;
        const one = isOfServer ? [losing(someServer(chance))] : [leader];
        const others = isOfServer ? members : withoutThese(one);
        const [from, to] = chance() < 0.5 ? [one, others] : [others, one];
        return await cutFor(longMs(chance), () => wires.lose(from, to));
      },
    },
    {
      // Nobody hears that it has gone: connections to it are open at one end.
      name: "a member that vanishes",
      befall: async (cluster, chance) => {
        const index = Math.floor(chance() * members.length);
        const member = `m${index}`;
        await wires.cut([member], withoutThese([member]));
        await cluster.member(index).kill();
        await wait(shortMs(chance));
        await wires.heal();
        cluster.member(index).restart();
        return true;
      },
    },
    {
      name: "lines too thin for what is sent",
      befall: async (_, chance) => {
        await wires.makeThin(all);
        await wait(shortMs(chance));
        await wires.makeWide(all);
        return true;
      },
    },
  ];
}

function withoutThese(names: readonly string[]): string[] {
  return all.filter((name) => !names.includes(name));
}

async function leaderOf(cluster: Cluster): Promise<string | undefined> {
  const index = await whoIs(cluster, "etcd leader");
  return index === undefined ? undefined : `m${index}`;
}
