// Access control lists on the wire. What is sent is judged by the core, which says what is wrong with which entry; the
// document says what is right.

import { Type } from "typebox";
import { type Acl, type Permission, permissions } from "../../core/acl/acl.ts";
import { permissionNames } from "../../core/acl/acl-syntax.ts";
import { aclEntriesMax, aclIdLengthMax } from "../../core/limits.ts";

/** As it is answered with. */
export interface ShownAclEntry {
  readonly perms: Permission[];
  readonly scheme: string;
  readonly id: string;
}

export const shownAclEntry = Type.Object(
  {
    perms: Type.Array(Type.Union(permissions.map((name) => Type.Literal(name))), {
      description: "What the entry gives; nothing where there is none.",
    }),
    scheme: Type.String({ description: "`world`, `digest` or `ip`." }),
    id: Type.String({
      description:
        "Of the scheme: `anyone`; `user:hash`, or `user:x` for whom the list does not give `admin`; an address or network.",
    }),
  },
  { title: "AclEntry" },
);

export function shownAcl(acl: Acl): ShownAclEntry[] {
  return acl.map(({ perms, scheme, id }) => ({ perms: permissionNames(perms), scheme, id }));
}

const entries = {
  "x-bounds": {
    type: "array",
    maxItems: aclEntriesMax,
    items: {
      title: "AclEntryInput",
      type: "object",
      additionalProperties: false,
      required: ["perms", "scheme"],
      properties: {
        perms: {
          description: "What the entry gives; nothing where there is none.",
          type: "array",
          items: { type: "string", enum: [...permissions] },
        },
        scheme: {
          type: "string",
          enum: ["world", "auth", "digest", "ip"],
          description:
            "`auth` stands for an entry of the scheme digest for each identity that Acl-Auth shows.",
        },
        id: {
          type: "string",
          maxLength: aclIdLengthMax,
          description:
            "Of world `anyone`; of digest `user:base64(SHA1(user:password))`; of ip an IPv4 or IPv6 address, or a network " +
            "as `10.0.0.0/8`; of auth nothing.",
        },
      },
    },
  },
};

/** Stands in the document as a list of entries; whatever it is, the core is asked. */
export const aclInput = Type.Unsafe<unknown>({
  description:
    "Who may do what: one entry or more, each of which gives and none of which takes away. What stands there twice counts " +
    "once.",
  "x-bounds": { ...entries["x-bounds"], minItems: 1 },
});

/** Of something that is made. Clients of some generators send lists that nobody has given, empty. */
export const newAclInput = Type.Unsafe<unknown>({
  description:
    "Who may do what with it, as `PUT /v1/acl/{path}` takes it; everybody may do everything where it is empty.",
  ...entries,
});
