// Services (API section 6): an instance is there for as long as the session that registered it, or until it is taken
// away.

import type { Call, Caller, CallOptions } from "./calls.ts";
import { letGo } from "./hold.ts";

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
  readonly id?: string;
}

/** An instance that is registered. */
export class Registration {
  readonly service: string;
  readonly id: string;
  readonly #caller: Caller;
  #instance: Instance;

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
    }: { service: string; id: string; instance: Instance; options: CallOptions },
  ): Promise<Registration> {
    const registration = new Registration(caller, service, id, instance);
    await registration.#put(instance, options);
    return registration;
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
  async #put(instance: Instance, options: CallOptions): Promise<void> {
    await this.#caller.send({ ...this.#call(options), method: "PUT", json: instance });
  }

  #call({ signal, timeoutMs }: CallOptions): Pick<Call, "path" | "repeat" | "signal" | "timeoutMs"> {
    const path = `v1/services/${encodeURIComponent(this.service)}/instances/${encodeURIComponent(this.id)}`;
    return { path, repeat: "harmless", signal, timeoutMs };
  }
}
