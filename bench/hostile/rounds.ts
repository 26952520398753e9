// Attack after attack on a service while others use it: their answers before, during and after it, round by round. What
// fails between counts as well.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { setDefaultCACertificates } from "node:tls";
import { makePair } from "../../test/support/certificates.ts";
import { CommandProcess } from "../support/command-process.ts";
import { send } from "../support/send.ts";
import { bearer, type ServiceUnderTest, withService } from "../support/service-under-test.ts";
import { type Spread, spreadOf, type Tail, tailOf } from "../support/statistics.ts";
import { withTemporaryFolder } from "../support/temporary-folder.ts";
import { hostilePath, type Tally, type Target } from "./assault.ts";
import type { AttackerCommands } from "./attacker.ts";
import { type AttackName, attackOf } from "./attacks.ts";
import type { Asked, GoodCommands } from "./good-clients.ts";
import { type GoodKind, goodKinds } from "./good-kinds.ts";

export interface Attacked {
  readonly attack: AttackName;
  readonly rounds: readonly Round[];
  readonly others: Readonly<Record<GoodKind, Others>>;
  /** p99 during the attack by that without, round by round, of whoever is harmed most in the middle of the rounds. */
  readonly worstRatio: Spread;
  readonly failed: number;
  readonly failure: string | null;
}

/** What becomes of others of one kind. */
interface Others {
  readonly aloneP50Ms: Spread;
  readonly aloneP99Ms: Spread;
  readonly besideP50Ms: Spread;
  readonly besideP99Ms: Spread;
  /** Round by round. */
  readonly ratio: Spread;
  /** Of all rounds. */
  readonly besideMaxMs: number;
  readonly failed: number;
}

interface Round {
  /** Before and after the attack. */
  readonly alone: Readonly<Record<GoodKind, Tail>>;
  readonly beside: Readonly<Record<GoodKind, Tail>>;
  readonly failed: Readonly<Record<GoodKind, number>>;
  readonly failure: string | null;
  readonly tally: Tally;
}

interface AttackPace {
  readonly rounds: number;
  readonly warmUpSeconds: number;
  /** Before the attack, and as long after it. */
  readonly aloneSeconds: number;
  /** Beyond the time it takes to be in place. */
  readonly attackSeconds: number;
  readonly settleMs: number;
}

interface Setting {
  readonly directory: string;
  readonly pace: AttackPace;
  /** Connections that the system allows the attacker. */
  readonly connectionsMax: number;
}

/** @param onAttacked called after each attack: all of them together take long */
export async function measureAttacks(
  names: readonly AttackName[],
  setting: Setting,
  onAttacked: (attacked: Attacked) => void,
): Promise<Attacked[]> {
  const attacked: Attacked[] = [];
  const play = async (some: readonly AttackName[], authority?: Certificate) => {
    if (some.length === 0) return;
    const service = { directory: setting.directory, count: 1, settleMs: 0, hasAccessControl: true };
    await withService({ ...service, settings: authority?.settings ?? [] }, (hosting) =>
      withStage(hosting, setting, authority, async (stage) => {
        for (const attack of some) {
          const result = await playAttack(attack, stage, setting.pace);
          attacked.push(result);
          onAttacked(result);
        }
      }),
    );
  };
  await play(names.filter((name) => !attackOf(name).isSecure));
  await withCertificate(setting.directory, (certificate) =>
    play(
      names.filter((name) => attackOf(name).isSecure),
      certificate,
    ),
  );
  return attacked;
}

interface Certificate {
  /** PEM. */
  readonly authority: string;
  readonly settings: readonly string[];
}

function withCertificate<T>(directory: string, work: (certificate: Certificate) => Promise<T>): Promise<T> {
  return withTemporaryFolder(directory, (folder) => {
    const { cert, key } = makePair("bench");
    const [certFile, keyFile] = [join(folder, "tls.crt"), join(folder, "tls.key")];
    writeFileSync(certFile, cert);
    writeFileSync(keyFile, key, { mode: 0o600 });
    const authority = cert.toString();
    setDefaultCACertificates([authority]);
    return work({ authority, settings: ["--tls-cert", certFile, "--tls-key", keyFile] });
  });
}

/** Who takes part. */
interface Stage {
  readonly good: CommandProcess<GoodCommands>;
  readonly attacker: CommandProcess<AttackerCommands>;
  readonly target: Target;
}

async function withStage<T>(
  service: ServiceUnderTest,
  { connectionsMax }: Setting,
  certificate: Certificate | undefined,
  work: (stage: Stage) => Promise<T>,
): Promise<T> {
  const { baseUrl, parent } = service;
  const good = new CommandProcess<GoodCommands>(new URL("./good-clients.ts", import.meta.url));
  const attacker = new CommandProcess<AttackerCommands>(new URL("./attacker.ts", import.meta.url));
  try {
    await makeLargeZnode(service);
    const headers = await makeToken(service, "good", [
      { prefix: "/", allow: ["session"] },
      { prefix: parent, allow: ["read", "write"] },
    ]);
    const everything = ["read", "write", "create", "delete", "coordinate"];
    const { Authorization: guest } = await makeToken(service, "guest", [
      { prefix: hostilePath, allow: everything },
    ]);
    const { authority } = certificate ?? {};
    await good.call("begin", { baseUrl, headers, parent, ...(authority !== undefined && { authority }) });
    const allowed = Math.min(connectionsMax, await connectionsPerClientOf(service));
    return await work({
      good,
      attacker,
      target: { baseUrl, guest: guest as string, connectionsMax: allowed },
    });
  } finally {
    await Promise.all([good.end(), attacker.end()]);
  }
}

async function makeLargeZnode({ baseUrl, admin }: ServiceUnderTest): Promise<void> {
  const znodes = `${baseUrl}/v1/znodes${hostilePath}`;
  await send(znodes, { method: "POST", headers: admin });
  await send(`${znodes}/large`, { method: "POST", body: "x".repeat(2 ** 20), headers: admin });
}

async function makeToken({ baseUrl, admin }: ServiceUnderTest, name: string, rules: readonly object[]) {
  const policy = { method: "PUT", body: JSON.stringify({ rules }), headers: admin };
  await send(`${baseUrl}/v1/admin/policies/${name}`, policy);
  const token = { method: "POST", body: JSON.stringify({ name, policies: [name] }), headers: admin };
  const answer = await send(`${baseUrl}/v1/admin/tokens`, token);
  return bearer((JSON.parse(answer) as { readonly secret: string }).secret);
}

/** As the service has it in force, with what the system allows it. */
async function connectionsPerClientOf({ baseUrl, admin }: ServiceUnderTest): Promise<number> {
  const answer = await send(`${baseUrl}/v1/limits`, { method: "GET", headers: admin });
  const { bounds } = JSON.parse(answer) as { readonly bounds: { readonly connectionsPerClientMax: number } };
  return bounds.connectionsPerClientMax;
}

/** What the engine has not met before it does slowly: a warm-up shows it what is to come, and is not counted. */
async function playAttack(attack: AttackName, stage: Stage, pace: AttackPace): Promise<Attacked> {
  if (pace.warmUpSeconds > 0) {
    const warmUp = { ...pace, aloneSeconds: 0, attackSeconds: pace.warmUpSeconds };
    await playRound(attack, stage, warmUp);
  }
  const rounds: Round[] = [];
  for (let round = 0; round < pace.rounds; round += 1) rounds.push(await playRound(attack, stage, pace));
  return attackedOf(attack, rounds);
}

async function playRound(
  attack: AttackName,
  { good, attacker, target }: Stage,
  { aloneSeconds, attackSeconds, settleMs }: AttackPace,
): Promise<Round> {
  const settle = async () => {
    await wait(settleMs);
    return await good.call("take");
  };
  const alone = async () => {
    await wait(aloneSeconds * 1000);
    return await good.call("take");
  };
  const early = await settle();
  const before = await alone();
  await attacker.call("begin", { attack, target });
  await wait(attackSeconds * 1000);
  const beside = await good.call("take");
  const tally = await attacker.call("end");
  const late = await settle();
  const after = await alone();
  const all = [early, before, beside, late, after];
  return {
    alone: tailsOf([before, after]),
    beside: tailsOf([beside]),
    failed: byKind((kind) => all.reduce((sum, { failed }) => sum + failed[kind], 0)),
    failure: all.find(({ failure }) => failure !== null)?.failure ?? null,
    tally: tally as Tally,
  };
}

function tailsOf(times: readonly Asked[]): Record<GoodKind, Tail> {
  return byKind((kind) => {
    const ms = times.flatMap((time) => time.ms[kind]);
    // Where none was answered, none was in time.
    return tailOf(ms.length === 0 ? [Number.POSITIVE_INFINITY] : ms);
  });
}

function byKind<Value>(value: (kind: GoodKind) => Value): Record<GoodKind, Value> {
  return { keepalive: value("keepalive"), PUT: value("PUT"), GET: value("GET") };
}

function attackedOf(attack: AttackName, rounds: readonly Round[]): Attacked {
  const others = byKind((kind) => othersOf(kind, rounds));
  return {
    attack,
    rounds,
    others,
    worstRatio: goodKinds.map((kind) => others[kind].ratio).reduce(worse),
    failed: goodKinds.reduce((sum, kind) => sum + others[kind].failed, 0),
    failure: rounds.find(({ failure }) => failure !== null)?.failure ?? null,
  };
}

function othersOf(kind: GoodKind, rounds: readonly Round[]): Others {
  const spread = (value: (round: Round) => number) => spreadOf(rounds.map(value));
  return {
    aloneP50Ms: spread(({ alone }) => alone[kind].p50Ms),
    aloneP99Ms: spread(({ alone }) => alone[kind].p99Ms),
    besideP50Ms: spread(({ beside }) => beside[kind].p50Ms),
    besideP99Ms: spread(({ beside }) => beside[kind].p99Ms),
    ratio: spread((round) => ratioOf(round, kind)),
    besideMaxMs: Math.max(...rounds.map(({ beside }) => beside[kind].maxMs)),
    failed: rounds.reduce((sum, { failed }) => sum + failed[kind], 0),
  };
}

/** One of the three is the worst of each round by chance alone, so it is not looked for in each. */
function worse(one: Spread, other: Spread): Spread {
  return other.median > one.median ? other : one;
}

function ratioOf({ alone, beside }: Round, kind: GoodKind): number {
  return beside[kind].p99Ms / alone[kind].p99Ms;
}
