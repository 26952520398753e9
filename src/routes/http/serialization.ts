// How answers become text: by a function generated from the answer's schema. There are hundreds of schemas and a server
// that starts again is one its clients wait for, so each function is generated when the first answer needs it.

import { SerializerSelector } from "@fastify/fast-json-stringify-compiler";
import type { FastifyServerOptions } from "fastify";

type BuildSerializer = NonNullable<
  NonNullable<NonNullable<FastifyServerOptions["schemaController"]>["compilersFactory"]>["buildSerializer"]
>;

/** For Fastify's `schemaController`. A schema that cannot be compiled fails the first answer, not the start. */
export const serializeWhenNeeded: BuildSerializer = (namedSchemas, options) => {
  const compile = SerializerSelector()(namedSchemas, options);
  return (route) => {
    let serialize: ReturnType<typeof compile> | undefined;
    return (answer) => {
      serialize ??= compile(route);
      return serialize(answer);
    };
  };
};
