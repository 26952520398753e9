// The access control that is in force while it is measured: a thousand policies, of which whoever asks has ten. What it asks
// for is denied by the shorter prefixes of its policies, and allowed by the longest.

import type { Policy, Rule } from "../../src/core/access/policy.ts";
import { send } from "../support/send.ts";
import { bearer, type ServiceUnderTest } from "../support/service-under-test.ts";

export const requestParent = "/bench/area/team/app";
export const fanOutPath = "/fan";

const rulesPerPolicy = 20;
const askerPolicies = 10;
/** Each of these lets its streams read what is fanned out, by rules of its own. */
const streamPolicies = 10;
const putsAtOnce = 50;

type Headers = Readonly<Record<string, string>>;

/** Those who ask, by the headers they send. */
export interface Callers {
  readonly asker: Headers;
  /** Each with another policy. */
  readonly readers: readonly Headers[];
}

/** @throws Error unless the policies do what they are to do: a measurement with open doors is none */
export async function layPolicies(service: ServiceUnderTest, policyCount: number): Promise<Callers> {
  for (let first = 0; first < policyCount; first += putsAtOnce) {
    const length = Math.min(putsAtOnce, policyCount - first);
    await Promise.all(Array.from({ length }, (_, index) => putPolicy(service, policyOf(first + index))));
  }
  const names = (first: number, length: number) =>
    Array.from({ length }, (_, index) => nameOf(first + index));
  const asker = await makeToken(service, "asker", names(0, askerPolicies));
  const readers: Headers[] = [];
  for (const name of names(askerPolicies, streamPolicies))
    readers.push(await makeToken(service, `reader-${name}`, [name]));
  await assertInForce(service, asker);
  return { asker, readers };
}

function nameOf(number: number): string {
  return `policy-${number}`;
}

function policyOf(number: number): Policy {
  const own = ownRulesOf(number);
  const others = Array.from({ length: rulesPerPolicy - own.length }, (_, index): Rule => {
    // Longer than what is asked for, as rules about single znodes are: the search begins at the whole path.
    const prefix = `${requestParent}-${number}/part-${index}/of-something-else`;
    return { prefix, allow: ["read", "write", "create", "delete"] };
  });
  return { name: nameOf(number), rules: [...own, ...others] };
}

/** The first ten are the asker's: two of them deny what the last allows further down. */
function ownRulesOf(number: number): Rule[] {
  if (number === 3) return [{ prefix: "/bench", deny: ["write", "delete"] }];
  if (number === 7) return [{ prefix: "/bench/area/team", deny: ["read", "write"] }];
  if (number === askerPolicies - 1)
    return [requestParent, fanOutPath].map((prefix) => ({ prefix, allow: ["read", "write"] as const }));
  if (number < askerPolicies) return [{ prefix: "/", allow: ["read", "session"] }];
  if (number < askerPolicies + streamPolicies) return [{ prefix: fanOutPath, allow: ["read"] }];
  return [{ prefix: "/", deny: ["admin"] }];
}

async function putPolicy({ baseUrl, admin }: ServiceUnderTest, { name, rules }: Policy): Promise<void> {
  const body = JSON.stringify({ rules });
  await send(`${baseUrl}/v1/admin/policies/${name}`, { method: "PUT", body, headers: admin });
}

async function makeToken(
  { baseUrl, admin }: ServiceUnderTest,
  name: string,
  policies: readonly string[],
): Promise<Headers> {
  const body = JSON.stringify({ name, policies });
  const answer = await send(`${baseUrl}/v1/admin/tokens`, { method: "POST", body, headers: admin });
  return bearer((JSON.parse(answer) as { secret: string }).secret);
}

async function assertInForce({ baseUrl }: ServiceUnderTest, asker: Headers): Promise<void> {
  const statusOf = async (path: string, headers: Headers) => {
    const answer = await fetch(`${baseUrl}/v1/znodes${path}`, { headers });
    await answer.arrayBuffer();
    return answer.status;
  };
  const statuses = [
    await statusOf(requestParent, asker),
    await statusOf("/bench/area/team", asker),
    await statusOf(requestParent, {}),
  ];
  if (statuses.join() !== "200,403,401")
    throw new Error(`Access control is not as it is to be measured: ${statuses}`);
}
