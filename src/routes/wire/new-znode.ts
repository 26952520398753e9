// What is said of a znode that is to be made, wherever that is asked for: in a query, an operation or a line of an import.

import { type Static, Type } from "typebox";
import type { Create } from "../../core/command.ts";
import { validateTtl } from "../../core/command-syntax.ts";
import { KeeperError } from "../../core/errors.ts";
import { validatePath, validateSequentialPrefix } from "../../core/tree/path.ts";
import type { CreateMode } from "../../core/tree/znode.ts";
import { ttlMs } from "./text-forms.ts";

export const createQuery = Type.Object(
  {
    ephemeral: Type.Boolean({ default: false, description: "The znode goes when its session ends." }),
    sequential: Type.Boolean({ default: false, description: "The server appends a number to the path." }),
    container: Type.Boolean({
      default: false,
      description:
        "The znode goes once its last child has gone, or when it has waited too long for a first one.",
    }),
    ttlMs: ttlMs({ description: "The znode goes when idle and empty for this long." }),
    parents: Type.Boolean({ default: false, description: "Make missing parents, in the same transaction." }),
  },
  { additionalProperties: false },
);

/** Syntax before everything else, in the order of the rules: path, kind, ttl (API section 8). */
export function toCreate(path: string, asked: Partial<Static<typeof createQuery>>, data: Uint8Array): Create {
  if (asked.sequential === true) validateSequentialPrefix(path);
  else validatePath(path);
  const create: Create = { type: "create", path, data, mode: modeOf(asked) };
  return asked.parents === true ? { ...create, parents: true } : create;
}

/** The seven kinds of znode there are (C1, C2); every other combination is refused. */
export function modeOf(asked: Partial<Static<typeof createQuery>>): CreateMode {
  const { ephemeral = false, sequential = false, container = false, ttlMs: ttl } = asked;
  const hasTtl = ttl !== undefined;
  if (hasTtl) validateTtl(ttl);
  if (container) {
    if (ephemeral || sequential || hasTtl)
      throw badMode("A container is neither ephemeral, sequential nor has a ttl.");
    return { kind: "container" };
  }
  if (ephemeral) {
    if (hasTtl) throw badMode("An ephemeral znode has no TTL: it is deleted when its session ends.");
    return { kind: "ephemeral", sequential };
  }
  return hasTtl ? { kind: "persistent", sequential, ttlMs: ttl } : { kind: "persistent", sequential };
}

function badMode(message: string): KeeperError {
  return new KeeperError("bad_mode", message);
}
