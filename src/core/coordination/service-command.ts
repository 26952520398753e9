// What a client asks of services, as plain data. An instance travels as the text its znode holds.

import type { WriteContext } from "../write-context.ts";
import type { Instance } from "./instances.ts";
import type { Released } from "./released.ts";

/** Makes the instance, or what the session has registered into it; the same again is no change. */
export interface RegisterInstance extends WriteContext {
  readonly type: "registerInstance";
  /** Of the service. */
  readonly name: string;
  readonly id: string;
  /** As `formatInstance` writes it. */
  readonly data: Uint8Array;
  /** Whose place it takes when the id is another's: that of the instance with this fence, or of any. */
  readonly replace?: number | "any" | undefined;
}

/** Changes some members of what the session has registered. */
export interface ChangeInstance extends WriteContext {
  readonly type: "changeInstance";
  readonly name: string;
  readonly id: string;
  /** A JSON object, merged as RFC 7396 says. */
  readonly changes: Uint8Array;
  /** The bound on what comes of it that was in force when it was asked: a replay must find the same. */
  readonly bytesMax: number;
}

/** Nobody but the owner, unless forced. */
export interface DeregisterInstance extends WriteContext {
  readonly type: "deregisterInstance";
  readonly name: string;
  readonly id: string;
  readonly force?: boolean;
}

export type ServiceCommand = RegisterInstance | ChangeInstance | DeregisterInstance;

/** An instance as a write left it. */
export interface WrittenInstance {
  readonly path: string;
  readonly fence: number;
  readonly created: boolean;
  readonly instance: Instance;
  /** The session of the instance whose place it took, `null` for one made by hand; absent when it took nobody's. */
  readonly replaced?: string | null;
}

export interface ServiceOutcomes {
  registerInstance: WrittenInstance;
  changeInstance: WrittenInstance;
  deregisterInstance: Released;
}
