// A network of our own: each server and each member in a network namespace, on one bridge. What one sends to another can be
// made to vanish, in either direction alone, and nobody is told: the address stays, and leads to a card that is not there.

import { execFile, execFileSync } from "node:child_process";
import { promisify } from "node:util";
import type { Place } from "../etcd-process.ts";

const run = promisify(execFile);

/** Of nobody. */
const deadCard = "02:00:00:00:ff:ff";
/** The host number of the tests themselves. */
const ownHost = 254;
const requiredBy = "TREEKEEPER_NAMESPACES";

interface Node {
  readonly namespace: string;
  readonly address: string;
  readonly card: string;
}

export class Wires {
  readonly #hub: string;
  readonly #ownLink: string;
  readonly #nodes = new Map<string, Node>();

  private constructor(names: readonly string[]) {
    const id = process.pid;
    // Others on this machine may have networks of their own, by process.
    const subnet = `10.${64 + (id % 64)}.${(id >> 6) % 256}`;
    this.#hub = `tk-${id}-hub`;
    this.#ownLink = `tk${id}`;
    for (const [index, name] of names.entries()) {
      const card = `02:00:00:00:00:${(index + 1).toString(16).padStart(2, "0")}`;
      this.#nodes.set(name, { namespace: `tk-${id}-${name}`, address: `${subnet}.${index + 1}`, card });
    }
  }

  /** Whether this machine lets us. @throws Error where it has to and does not */
  static arePossible(): boolean {
    const name = `tk-${process.pid}-look`;
    try {
      execFileSync("ip", ["netns", "add", name], { stdio: "pipe" });
      execFileSync("ip", ["netns", "del", name], { stdio: "pipe" });
      return true;
    } catch (error) {
      if (process.env[requiredBy] !== "required") return false;
      throw new Error(`${requiredBy} is required, and no namespace can be made`, { cause: error });
    }
  }

  static async start(names: readonly string[]): Promise<Wires> {
    const wires = new Wires(names);
    try {
      await wires.#lay();
    } catch (error) {
      await wires.end();
      throw error;
    }
    return wires;
  }

  async #lay(): Promise<void> {
    const [hub, nodes, subnet] = [this.#hub, [...this.#nodes.values()], this.#subnet];
    const ownCard = "02:00:00:00:00:fe";
    await ip([`netns add ${hub}`, ...nodes.map(({ namespace }) => `netns add ${namespace}`)]);
    await ip(["link add name hub type bridge", "link set hub up"], hub);
    const links = nodes.map(
      ({ namespace }, index) => `link add name p${index} type veth peer name eth0 netns ${namespace}`,
    );
    const ports = [...nodes.map((_, index) => `p${index}`), "own"];
    await ip(
      [
        ...links,
        `link add name own type veth peer name ${this.#ownLink} netns ${process.pid}`,
        ...ports.flatMap((port) => [`link set ${port} master hub`, `link set ${port} up`]),
      ],
      hub,
    );
    for (const { namespace, address, card } of nodes) {
      const known = nodes.filter((node) => node.address !== address).map(neighbour);
      const own = neighbour({ address: `${subnet}.${ownHost}`, card: ownCard });
      const device = [
        "link set lo up",
        `link set eth0 address ${card}`,
        "link set eth0 up",
        `address add ${address}/24 dev eth0`,
      ];
      await ip([...device, ...known, own], namespace);
    }
    await ip([
      `link set ${this.#ownLink} address ${ownCard}`,
      `link set ${this.#ownLink} up`,
      `address add ${subnet}.${ownHost}/24 dev ${this.#ownLink}`,
    ]);
  }

  get #subnet(): string {
    return this.#node([...this.#nodes.keys()][0] as string).address.replace(/\.\d+$/, "");
  }

  #node(name: string): Node {
    const node = this.#nodes.get(name);
    if (node === undefined) throw new Error(`there is no ${name}`);
    return node;
  }

  placeOf(name: string): Place {
    const { namespace, address } = this.#node(name);
    return { host: address, enter: ["ip", "netns", "exec", namespace] };
  }

  /** What these send to those vanishes, on connections that are there as on new ones. */
  async lose(from: readonly string[], to: readonly string[]): Promise<void> {
    const steps = to.map((name) => neighbour({ address: this.#node(name).address, card: deadCard }));
    await Promise.all(from.map((name) => ip(steps, this.#node(name).namespace)));
  }

  /** Nothing passes between these and those. */
  async cut(these: readonly string[], those: readonly string[]): Promise<void> {
    await Promise.all([this.lose(these, those), this.lose(those, these)]);
  }

  /** All that is sent arrives again. */
  async heal(): Promise<void> {
    const nodes = [...this.#nodes.values()];
    await Promise.all(
      nodes.map(({ namespace, address }) => {
        const others = nodes.filter((node) => node.address !== address);
        return ip(others.map(neighbour), namespace);
      }),
    );
  }

  /** What these send waits in a line for its turn; what finds no place in it is lost. */
  async makeThin(names: readonly string[]): Promise<void> {
    const bucket = ["root", "tbf", "rate", "1mbit", "burst", "2kb", "limit", "8kb"];
    await Promise.all(names.map((name) => this.#queue(name, "replace", bucket)));
  }

  async makeWide(names: readonly string[]): Promise<void> {
    await Promise.all(names.map((name) => this.#queue(name, "del", ["root"])));
  }

  async #queue(name: string, action: string, what: readonly string[]): Promise<void> {
    await run("tc", ["-n", this.#node(name).namespace, "qdisc", action, "dev", "eth0", ...what]);
  }

  /** Once nothing runs there any more. */
  async end(): Promise<void> {
    const names = [this.#hub, ...[...this.#nodes.values()].map(({ namespace }) => namespace)];
    await run("ip", ["link", "del", this.#ownLink]).catch(() => {});
    for (const name of names) await run("ip", ["netns", "del", name]).catch(() => {});
  }
}

function neighbour({ address, card }: Pick<Node, "address" | "card">): string {
  return `neighbour replace ${address} lladdr ${card} dev eth0 nud permanent`;
}

/** All of them in one process; the first that fails ends it. */
async function ip(steps: readonly string[], namespace?: string): Promise<void> {
  const where = namespace === undefined ? [] : ["-n", namespace];
  const running = run("ip", [...where, "-batch", "-"]);
  running.child.stdin?.end(`${steps.join("\n")}\n`);
  await running;
}
