// The operations of transactions and batches as they stand in JSON: their shapes, each judged by its own, and the
// operation of the core that one asks for. Nothing here looks into the tree.

import { type Static, type TObject, Type } from "typebox";
import { parseAcl } from "../../core/acl/acl-syntax.ts";
import type { Operation, SetData } from "../../core/command.ts";
import { KeeperError } from "../../core/errors.ts";
import { validatePath } from "../../core/tree/path.ts";
import { emptyData } from "../../core/tree/znode.ts";
import { fixedLimits, named } from "../http/fixed-limits.ts";
import { invalid } from "../http/problems.ts";
import { bodyCheck } from "../http/validation.ts";
import { newAclInput } from "./acl-schemas.ts";
import { toCreate } from "./new-znode.ts";
import { wellFormed } from "./parts.ts";
import { versionQuery as version } from "./schemas.ts";
import { base64Form, pathForm, pathOrPrefixForm, ttlMs } from "./text-forms.ts";

export const closed = { additionalProperties: false };
export const flag = (description: string) => Type.Optional(Type.Boolean({ description }));

/** What is longer than any path may be is not looked at closely. */
export const wirePathLength = { maxLength: fixedLimits.cursorLengthMax, ...named("cursorLengthMax") };
export const path = Type.String({ ...wirePathLength, ...pathForm, description: "The znode." });
const prefix = Type.String({
  ...wirePathLength,
  ...pathOrPrefixForm,
  description: "The znode; for a sequential create, the prefix its number is added to.",
});
/** `null` is as good as nothing: empty data (API section 1). */
export const textOrNull = (description: string, form: object = {}) =>
  Type.Optional(Type.Unsafe<string | null>({ type: ["string", "null"], ...form, description }));
const data = textOrNull("The data as text; empty when null. Not together with dataBase64.");
const dataBase64 = textOrNull("The data as base64.", base64Form);
const safeInteger = { minimum: Number.MIN_SAFE_INTEGER, maximum: Number.MAX_SAFE_INTEGER };

/** The operations of a transaction, by the name in `op`. */
export const writeShapes = {
  create: Type.Object(
    {
      op: Type.Literal("create"),
      path: prefix,
      data,
      dataBase64,
      ephemeral: flag("The znode goes when its session ends."),
      sequential: flag("The server appends a number to the path."),
      container: flag("The znode goes once its last child has gone."),
      ttlMs: ttlMs({ description: "The znode goes when idle and empty for this long." }),
      acl: Type.Optional(newAclInput),
    },
    { ...closed, title: "CreateOperation" },
  ),
  set: Type.Object(
    { op: Type.Literal("set"), path, data, dataBase64, version },
    { ...closed, title: "SetOperation" },
  ),
  delete: Type.Object({ op: Type.Literal("delete"), path, version }, { ...closed, title: "DeleteOperation" }),
  increment: Type.Object(
    {
      op: Type.Literal("increment"),
      path,
      by: Type.Integer({
        ...safeInteger,
        description: "Added to the decimal text the znode holds; empty counts as 0.",
      }),
    },
    { ...closed, title: "IncrementOperation" },
  ),
  check: Type.Object(
    {
      op: Type.Literal("check"),
      path,
      exists: flag("false: the znode must not exist."),
      version,
      czxid: Type.Optional(
        Type.Integer({ ...safeInteger, description: "The incarnation the znode must be." }),
      ),
    },
    { ...closed, title: "CheckOperation" },
  ),
};

type Shapes = Readonly<Record<string, TObject>>;
type WireOperation = Static<(typeof writeShapes)[keyof typeof writeShapes]>;

/** The members that only the shapes of a batch have. */
interface BatchMembers {
  readonly parents?: boolean;
  readonly upsert?: boolean;
}

interface Shown {
  /** Of the schemas in the document. */
  readonly names: { readonly body: string; readonly operation: string };
  readonly example: object;
}

/** The body of a request of many operations: its envelope, which is judged as a whole, and what the document shows. */
export function operationsBody(shapes: Shapes, { names, example }: Shown) {
  const operation = Type.Unsafe({
    title: names.operation,
    discriminator: { propertyName: "op" },
    oneOf: Object.values(shapes),
  });
  return {
    envelope: Type.Object({ operations: Type.Array(Type.Unknown()) }, closed),
    documented: Type.Object(
      { operations: Type.Array(operation, { description: "In the order they are done." }) },
      { ...closed, title: names.body, examples: [{ operations: [example] }] },
    ),
  };
}

/** Reads one operation as the shape of its `op` has it. It throws `bad_request` and says what is wrong. */
export function operationReader<S extends Shapes>(shapes: S): (wire: unknown) => Static<S[keyof S]> {
  const checks = new Map(Object.entries(shapes).map(([op, shape]) => [op, bodyCheck(shape)]));
  const names = [...checks.keys()].join(", ");
  return (wire) => {
    const check = checks.get(String((wire as { op?: unknown } | null)?.op));
    if (check === undefined) {
      throw new KeeperError("bad_request", `An operation is an object whose "op" is one of ${names}.`);
    }
    const faults = check(wire);
    if (faults !== null) throw invalid("The operation", faults);
    return wire as Static<S[keyof S]>;
  };
}

/**
 * Syntax before everything else, in the order of the rules: path, then the rest (O3).
 * @param digests of whoever asks: what `auth` stands for in an access control list
 */
export function toOperation(wire: WireOperation & BatchMembers, digests: readonly string[]): Operation {
  if (wire.op === "create") {
    const create = toCreate(wire.path, wire, bytesOf(wire));
    const isSaid = wire.acl !== undefined && !(Array.isArray(wire.acl) && wire.acl.length === 0);
    return isSaid ? { ...create, acl: parseAcl(wire.acl, digests) } : create;
  }
  validatePath(wire.path);
  switch (wire.op) {
    case "set": {
      const { version: expected } = wire;
      const set: SetData = {
        type: "setData",
        path: wire.path,
        data: bytesOf(wire),
        ...defined({ version: expected }),
      };
      return wire.upsert === true ? { ...set, create: "upsert" } : set;
    }
    case "delete":
      return { type: "delete", path: wire.path, ...defined({ version: wire.version }) };
    case "increment":
      return { type: "increment", path: wire.path, by: wire.by };
    case "check": {
      const { exists, version: expected, czxid } = wire;
      return { type: "check", path: wire.path, ...defined({ exists, version: expected, czxid }) };
    }
  }
}

/** The members that are there: an absent one stays absent in the log. */
function defined<T extends object>(members: T): { [K in keyof T]?: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as T;
}

/** A pattern for the whole would be tried from the end back, which megabytes do not bear. */
function isBase64(text: string): boolean {
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  return text.length % 4 === 0 && !/[^A-Za-z0-9+/]/.test(text.slice(0, text.length - padding));
}

/** The bytes that `data` or `dataBase64` stand for; none when neither is there. @throws KeeperError `bad_request` */
export function bytesOf(wire: { data?: string | null; dataBase64?: string | null }): Uint8Array {
  const text = wire.data ?? undefined;
  const base64 = wire.dataBase64 ?? undefined;
  if (text !== undefined && base64 !== undefined) {
    throw new KeeperError("bad_request", "Give data or dataBase64, not both.");
  }
  if (text !== undefined) return Buffer.from(wellFormed(text, "data"), "utf8");
  if (base64 === undefined) return emptyData;
  if (!isBase64(base64)) throw new KeeperError("bad_request", "dataBase64 is not valid base64.");
  return Buffer.from(base64, "base64");
}
