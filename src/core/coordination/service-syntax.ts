// What can be said of a command about services without looking at the tree.

import { KeeperError } from "../errors.ts";
import type { Limits } from "../limits.ts";
import { requireSession, validateResourceName } from "./claim-syntax.ts";
import { formatInstance, parseInstance, portMax } from "./instances.ts";
import type { ServiceCommand } from "./service-command.ts";

/** @throws KeeperError when the command is malformed, whatever the tree looks like: names first, then the session */
export function validateServiceCommand(command: ServiceCommand, { metadataBytesMax }: Limits): void {
  validateResourceName(command.name);
  validateResourceName(command.id);
  switch (command.type) {
    case "registerInstance":
      requireSession(command);
      validateInstance(command.data, metadataBytesMax);
      return;
    case "changeInstance": {
      requireSession(command);
      const size = command.changes.byteLength;
      if (size > metadataBytesMax) throw instanceTooLarge(size, metadataBytesMax);
      return;
    }
    case "deregisterInstance":
      if (command.force !== true) requireSession(command);
  }
}

/** It must be spelled as the service spells it: then the same instance is the same data. */
function validateInstance(data: Uint8Array, bytesMax: number): void {
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
    `An instance has at least an address, which is not empty, and a port from 1 to ${portMax}.`,
  );
}

export function instanceTooLarge(size: number, limitValue: number): KeeperError {
  return new KeeperError(
    "too_large",
    `What is said of an instance has at most ${limitValue} bytes; this has ${size}.`,
    { limit: "metadataBytesMax", limitValue, size },
  );
}
