// How requests are held against their schemas. What stands in a URL or a header is text and is read as the number or
// truth value it spells; what stands in a JSON body has a type already, and another one is refused.

import Ajv, { type ErrorObject, type Options, type ValidateFunction } from "ajv";
import type { FastifyInstance, FastifySchemaCompiler, RouteOptions } from "fastify";
import type { TSchema } from "typebox";

/** What our schemas say for people and for the document, beside what is validated. */
export const ownKeywords = ["x-limit", "x-form", "x-hidden", "x-bounds"];

/** Verbose: an error carries the schema it comes from, which may name the limit that was passed, or say its pattern. */
const common: Options = {
  useDefaults: true,
  removeAdditional: false,
  allErrors: false,
  verbose: true,
  keywords: ownKeywords,
};

const textValidator = new Ajv.Ajv({ ...common, coerceTypes: "array" });
const bodyValidator = new Ajv.Ajv(common);

const compile: FastifySchemaCompiler<TSchema> = ({ schema, httpPart }) =>
  compiledWhenNeeded(httpPart === "body" ? bodyValidator : textValidator, schema);

interface Check {
  (value: unknown): boolean;
  errors?: ErrorObject[] | null;
}

/** There are hundreds of schemas, and a server that starts again is one its clients wait for. */
function compiledWhenNeeded(validator: Ajv.Ajv, schema: TSchema): Check {
  let validate: ValidateFunction | undefined;
  const check: Check = (value) => {
    validate ??= validator.compile(schema);
    const isValid = validate(value);
    check.errors = validate.errors ?? null;
    return isValid;
  };
  return check;
}

/** Call before any route is added. */
export function validateStrictly(app: FastifyInstance): void {
  app.setValidatorCompiler(compile);
  app.addHook("onRoute", refuseUnknownParameters);
}

/** For what stands in a body and is judged by itself: gives the faults, or null when there are none. */
export function bodyCheck(schema: TSchema): (value: unknown) => readonly ErrorObject[] | null {
  const validate = compiledWhenNeeded(bodyValidator, schema);
  return (value) => (validate(value) ? null : (validate.errors ?? []));
}

/** A resource that has no parameters has no unknown ones either: a typo is never ignored (API section 1). */
function refuseUnknownParameters(route: RouteOptions): void {
  if (!route.url.startsWith("/v1") || route.schema?.querystring !== undefined) return;
  route.schema = { ...route.schema, querystring: noParameters };
}

const noParameters = { type: "object", properties: {}, additionalProperties: false };
