// Policies: what those who have one may do. They are an admin's to make, and count from the write on that makes them.

import type { Verb } from "../../core/access/verbs.ts";
import type { Call, Caller, CallOptions } from "../calls/calls.ts";
import { segmentOf } from "../calls/names.ts";

export interface PolicyRule {
  /** A path; it covers itself and all below it, in the whole tree. */
  readonly prefix: string;
  readonly allow?: readonly Verb[];
  readonly deny?: readonly Verb[];
}

export interface AccessPolicy {
  readonly name: string;
  readonly rules: readonly PolicyRule[];
}

const policiesPath = "v1/admin/policies";

interface PolicyPage {
  readonly policies: readonly AccessPolicy[];
  readonly next?: string;
}

export class AccessPolicies {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /** All policies, in order of their names; `admin` is always among them. */
  async *list(options: CallOptions = {}): AsyncGenerator<AccessPolicy, void, undefined> {
    let after: string | undefined;
    do {
      const call = { method: "GET", path: policiesPath, query: { after }, repeat: "harmless" } as const;
      const page = await this.#send<PolicyPage>(call, options);
      yield* page.policies;
      after = page.next;
    } while (after !== undefined);
  }

  /** @throws RequestError `no_policy` */
  get(name: string, options: CallOptions = {}): Promise<AccessPolicy> {
    return this.#send({ method: "GET", path: pathOf(name), repeat: "harmless" }, options);
  }

  /** Makes the policy, or gives it these rules and no others. */
  set(name: string, rules: readonly PolicyRule[], options: CallOptions = {}): Promise<AccessPolicy> {
    return this.#send({ method: "PUT", path: pathOf(name), json: { rules }, repeat: "harmless" }, options);
  }

  /** @throws RequestError `policy_in_use` while a token has it */
  async delete(name: string, options: CallOptions = {}): Promise<void> {
    await this.#send({ method: "DELETE", path: pathOf(name), repeat: "never" }, options);
  }

  async #send<T>(call: Call, { signal, timeoutMs }: CallOptions): Promise<T> {
    return (await this.#caller.send({ ...call, signal, timeoutMs })).body as T;
  }
}

function pathOf(name: string): string {
  return `${policiesPath}/${segmentOf(name)}`;
}
