// Services (API section 6): an instance is there for as long as the session that registered it, or until it is taken
// away.

import type { InstanceView } from "../../core/coordination/instances.ts";
import type { Call, Caller, CallOptions } from "../calls/calls.ts";
import { segmentOf } from "../calls/names.ts";
import { filterParameters, type ServiceFilter } from "../watches/service-copy.ts";
import { letGo } from "./hold.ts";

/** A service, in a few words. */
export interface ServiceSummary {
  readonly name: string;
  readonly instanceCount: number;
}

interface ServicesPage {
  readonly services: readonly ServiceSummary[];
  readonly next?: string;
}

interface InstancesPage {
  readonly instances: readonly InstanceView[];
  readonly next?: string;
}

/** Page by page, in order of their names. */
export async function* listServices(caller: Caller, options: CallOptions): AsyncGenerator<ServiceSummary> {
  let after: string | undefined;
  do {
    const query: [string, string][] = after === undefined ? [] : [["after", after]];
    const page = await read<ServicesPage>(caller, "v1/services", { ...options, query });
    yield* page.services;
    after = page.next;
  } while (after !== undefined);
}

/** Page by page, in order of their ids. */
export async function* listInstances(
  caller: Caller,
  service: string,
  options: ServiceFilter & CallOptions,
): AsyncGenerator<InstanceView> {
  const path = `v1/services/${segmentOf(service)}`;
  const filter = filterParameters(options);
  let after: string | undefined;
  do {
    const query = after === undefined ? filter : [...filter, ["after", after] as [string, string]];
    const page = await read<InstancesPage>(caller, path, { ...options, query });
    yield* page.instances;
    after = page.next;
  } while (after !== undefined);
}

async function read<T>(
  caller: Caller,
  path: string,
  { query, signal, timeoutMs }: CallOptions & { readonly query: [string, string][] },
): Promise<T> {
  const text = new URLSearchParams(query).toString();
  const call = { method: "GET", path: text === "" ? path : `${path}?${text}`, repeat: "harmless" } as const;
  return (await caller.send({ ...call, signal, timeoutMs })).body as T;
}

/** What others are told of an instance. */
export interface Instance {
  readonly address: string;
  readonly port: number;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly tags?: readonly string[];
  readonly weight?: number;
  readonly zone?: string;
  readonly state?: "up" | "draining" | "disabled";
}

export interface RegisterOptions extends CallOptions {
  /** Names the instance within the service; the session's id unless given. */
  readonly id?: string | undefined;
  /**
   * Takes the id over from another session: from the instance with this fence, such as one's own from before a crash,
   * or from `any`, which the service logs.
   */
  readonly replace?: number | "any" | undefined;
}

/** An instance that is registered. */
export class Registration {
  readonly service: string;
  readonly id: string;
  readonly #caller: Caller;
  #instance: Instance;
  #fence = 0;

  private constructor(caller: Caller, service: string, id: string, instance: Instance) {
    this.#caller = caller;
    this.service = service;
    this.id = id;
    this.#instance = instance;
  }

  /** @throws RequestError `not_holder` when another session has an instance of that id */
  static async make(
    caller: Caller,
    {
      service,
      id,
      instance,
      options,
    }: { service: string; id: string; instance: Instance; options: RegisterOptions },
  ): Promise<Registration> {
    const registration = new Registration(caller, service, id, instance);
    await registration.#put(instance, options);
    return registration;
  }

  /** Of this registration: whoever has the id later has a greater one. */
  get fence(): number {
    return this.#fence;
  }

  /** What others are told now. */
  get instance(): Instance {
    return this.#instance;
  }

  /** Changes some of it, such as `{ state: "draining" }` before the end. */
  async update(changes: Partial<Instance>, options: CallOptions = {}): Promise<void> {
    const instance = { ...this.#instance, ...changes };
    await this.#put(instance, options);
    this.#instance = instance;
  }

  /** Takes it away. What is gone already is no fault. */
  async remove(options: CallOptions = {}): Promise<void> {
    const removing = this.#caller.send({ ...this.#call(options), method: "DELETE" });
    await letGo(removing, "no_instance");
  }

  /** The whole of it each time: repeated, it is as if it came once. */
  async #put(instance: Instance, options: RegisterOptions): Promise<void> {
    const { replace } = options;
    const query = replace === "any" ? { force: true } : { replace };
    const { body } = await this.#caller.send({
      ...this.#call(options),
      method: "PUT",
      query,
      json: instance,
    });
    this.#fence = (body as InstanceView).fence;
  }

  #call({ signal, timeoutMs }: CallOptions): Pick<Call, "path" | "repeat" | "signal" | "timeoutMs"> {
    const path = `v1/services/${segmentOf(this.service)}/instances/${segmentOf(this.id)}`;
    return { path, repeat: "harmless", signal, timeoutMs };
  }
}
