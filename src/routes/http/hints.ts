// What a refusal adds where there is another way: a word of the parameter or method that does it. The core knows none of
// them, since it does not know by which resource it was asked.

import type { SingleWrite } from "../../core/command.ts";
import { KeeperError } from "../../core/errors.ts";

/** The error as it was thrown, or with a hint after its sentence. */
export function hinted(error: unknown, asked: SingleWrite): unknown {
  const hint = error instanceof KeeperError ? hintFor(error, asked) : null;
  if (!(error instanceof KeeperError) || hint === null) return error;
  return new KeeperError(error.code, `${error.message} ${hint}`, error.details);
}

/** To be given to the `catch` of a write. */
export function withHint(asked: SingleWrite): (error: unknown) => never {
  return (error) => {
    throw hinted(error, asked);
  };
}

function hintFor({ code }: KeeperError, asked: SingleWrite): string | null {
  switch (`${asked.type} ${code}`) {
    case "create no_node":
      return "With parents=true it is created too.";
    case "create node_exists":
      return "PUT, in a batch set, replaces its data.";
    case "setData no_node":
      return "create" in asked || "version" in asked || "ifMatch" in asked
        ? null
        : "With upsert=true it is created.";
    case "delete not_empty":
      return "With recursive=true they are deleted with it.";
    case "delete too_many_changes":
    case "delete too_large":
      return "With inParts=true a subtree of any size can be deleted.";
    default:
      return null;
  }
}
