// What the routes of services have in common on the wire: an instance, and which instances are meant.

import { type Static, Type } from "typebox";
import { type InstanceFilter, instanceStates } from "../../core/coordination/instances.ts";
import { fixedLimits, named } from "../http/fixed-limits.ts";
import { nameForm } from "./text-forms.ts";

const serviceMember = {
  service: Type.String({
    ...nameForm,
    description: "One path segment of 1 to 255 characters.",
    examples: ["web"],
  }),
};

export const serviceParameter = Type.Object(serviceMember);

export const instanceParameters = Type.Object({
  ...serviceMember,
  id: Type.String({
    maxLength: fixedLimits.cursorLengthMax,
    ...named("cursorLengthMax"),
    ...nameForm,
    description: "The instance's id: the name of its znode, 1 to 255 characters.",
    examples: ["web-1"],
  }),
});

const stateDescription = "draining: take no new work there; disabled: none at all; up by default.";
export const instanceState = Type.Enum([...instanceStates], {
  title: "InstanceState",
  description: stateDescription,
});
const metadata = Type.Unsafe<Record<string, string>>({
  title: "InstanceMetadata",
  type: "object",
  additionalProperties: { type: "string" },
  description: "Texts by name; {} by default. None may be named `__proto__`.",
});

/** What an instance says of itself, as it may be sent. */
const said = {
  address: Type.String({ minLength: 1, description: "Where others reach it: a name or an IP address." }),
  port: Type.Integer({ minimum: 1, maximum: fixedLimits.portMax, ...named("portMax") }),
  metadata,
  tags: Type.Array(Type.String(), { description: "Words to find it by; [] by default." }),
  weight: Type.Integer({
    minimum: 0,
    maximum: Number.MAX_SAFE_INTEGER,
    description: "Its share of the work beside the others; 1 by default.",
  }),
  zone: Type.String({ description: "Where it is; empty by default." }),
  state: instanceState,
};

const { address, port, ...optional } = said;
const exampleInstance = {
  ...{ address: "10.0.0.7", port: 8080, metadata: { version: "2.1" }, tags: ["http"] },
  ...{ weight: 1, zone: "north", state: "up" },
};

export const instanceBody = Type.Object(
  { address, port, ...Type.Partial(Type.Object(optional)).properties },
  { title: "InstanceRequest", additionalProperties: false, examples: [exampleInstance] },
);

const orNull = <T extends object>(schema: T) => Type.Unsafe<unknown>({ anyOf: [schema, { type: "null" }] });
const metadataPatch = Type.Unsafe<Record<string, string | null>>({
  title: "InstanceMetadataPatch",
  type: "object",
  additionalProperties: { anyOf: [{ type: "string" }, { type: "null" }] },
  description: "Texts to set by name; null takes one away.",
});

export const changesBody = Type.Object(
  {
    address: Type.Optional(address),
    port: Type.Optional(port),
    metadata: Type.Optional(orNull(metadataPatch)),
    tags: Type.Optional(orNull(said.tags)),
    weight: Type.Optional(orNull(said.weight)),
    zone: Type.Optional(orNull(said.zone)),
    state: Type.Optional(orNull(Type.Enum([...instanceStates]))),
  },
  { title: "InstancePatch", additionalProperties: false, examples: [{ state: "draining" }] },
);

/** An instance as it is shown. */
const shown = {
  id: Type.String({ description: "The name of its znode." }),
  path: Type.String({ description: "Its znode." }),
  fence: Type.Integer({
    description: "The czxid of its znode: registered again after it was gone, it has a greater one.",
  }),
  session: Type.Union([Type.String(), Type.Null()], {
    description: "Id of its session; null for a znode made by hand that is not ephemeral.",
  }),
  ...said,
};

export const instance = Type.Object(shown, { title: "Instance" });

export const registeredInstance = Type.Object(
  {
    ...shown,
    validForMs: Type.Integer({
      description:
        "Counts from when the request was sent: without another success for the session by then, take it for gone.",
    }),
  },
  { title: "RegisteredInstance" },
);

export const exampleView = {
  ...{ id: "web-1", path: "/services/web/web-1", fence: 1042, session: "1f3a5c7e9b2d4f60" },
  ...exampleInstance,
};

export const filterMembers = {
  tag: Type.Optional(
    Type.Array(Type.String(), { description: "It has all of these.", examples: [["http"]] }),
  ),
  meta: Type.Optional(
    Type.Array(Type.String({ pattern: "^[^=]+=", "x-form": "<name>=<value>" }), {
      description: "It has all of these in its metadata, each as `<name>=<value>`.",
      examples: [["version=2.1"]],
    }),
  ),
  state: Type.Optional(Type.Enum([...instanceStates], { description: "It is in this state." })),
  zone: Type.Optional(Type.String({ description: "It is there." })),
};

/** Beside the members: `meta.<name>=<value>`, for each name once. */
export const metadataParameters = { "^meta\\.": { type: "string" } };

const metadataPrefix = "meta.";

export function filterOf(query: Static<ReturnType<typeof filterObject>>): InstanceFilter {
  const { tag = [], meta = [], state: inState, zone } = query;
  const metadata = Object.entries(query)
    .filter(([name]) => name.startsWith(metadataPrefix))
    .map(([name, value]) => [name.slice(metadataPrefix.length), String(value)] as const);
  return {
    ...{ tags: tag, metadata: [...metadata, ...meta.map(pairIn)] },
    ...(inState !== undefined && { state: inState }),
    ...(zone !== undefined && { zone }),
  };
}

function pairIn(text: string): readonly [name: string, value: string] {
  const end = text.indexOf("=");
  return [text.slice(0, end), text.slice(end + 1)];
}

function filterObject() {
  return Type.Object(filterMembers);
}
