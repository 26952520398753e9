// What can be said of an instance without looking at the tree.

import { KeeperError } from "../errors.ts";
import { validateResourceName } from "./coordination-syntax.ts";
import { formatInstance, parseInstance, portMax } from "./instances.ts";

export function validateInstanceName({ name, id }: { readonly name: string; readonly id: string }): void {
  validateResourceName(name);
  validateResourceName(id);
}

/** It must be spelled as the service spells it: then the same instance is the same data. */
export function validateInstance(data: Uint8Array, bytesMax: number): void {
  if (data.byteLength > bytesMax) throw instanceTooLarge(data.byteLength, bytesMax);
  const instance = parseInstance(data);
  const canonical = instance === null ? null : formatInstance(instance);
  const isSame =
    canonical?.byteLength === data.byteLength && canonical.every((byte, index) => byte === data[index]);
  if (!isSame) throw notAnInstance();
}

export function notAnInstance(): KeeperError {
  return new KeeperError(
    "bad_request",
    `An instance needs a non-empty address and a port from 1 to ${portMax}.`,
  );
}

export function instanceTooLarge(size: number, limitValue: number): KeeperError {
  return new KeeperError(
    "too_large",
    `The data of an instance has at most ${limitValue} bytes; this has ${size}.`,
    { limit: "metadataBytesMax", limitValue, size },
  );
}
