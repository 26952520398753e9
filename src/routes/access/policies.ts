// /v1/admin/policies: what those who have a policy may do.

import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type { FastifyInstance } from "fastify";
import { type Static, Type } from "typebox";
import { noPolicy } from "../../core/access/plan-access.ts";
import { accessBounds, type Policy, type Rule } from "../../core/access/policy.ts";
import { verbs } from "../../core/access/verbs.ts";
import { nextMember } from "../wire/cursors.ts";
import { askedOf, type RouteParts } from "../wire/parts.ts";
import { json, locationHeader, problems } from "../wire/schemas.ts";
import { pathForm } from "../wire/text-forms.ts";
import { accessFor, accessListQuery, accessName, nameParameter, noQuery, pageByName } from "./admin.ts";

const policiesUrl = "/v1/admin/policies";

const someVerbs = (description: string) =>
  Type.Optional(Type.Array(Type.Enum([...verbs]), { minItems: 1, maxItems: verbs.length, description }));

const rule = Type.Object(
  {
    prefix: Type.String({
      maxLength: accessBounds.prefixLengthMax,
      ...pathForm,
      description: "A path; it covers itself and all that is below it.",
    }),
    allow: someVerbs("What may be done there."),
    deny: someVerbs("What may not, whatever a shorter prefix says."),
  },
  { title: "PolicyRule", additionalProperties: false },
);

const exampleRules: Rule[] = [
  { prefix: "/", allow: ["session"] },
  { prefix: "/app", allow: ["read", "write", "create", "delete"] },
  { prefix: "/app/secret", deny: ["read", "write", "create", "delete"] },
];

const policyBody = Type.Object(
  { rules: Type.Array(rule, { maxItems: accessBounds.rulesPerPolicyMax, description: "In any order." }) },
  { title: "PolicyRules", additionalProperties: false, examples: [{ rules: exampleRules }] },
);

const policyAnswer = Type.Object({ name: accessName, rules: Type.Array(rule) }, { title: "Policy" });
const examplePolicy = { name: "app", rules: exampleRules };

export function policyRoutes(plainApp: FastifyInstance, { store }: Pick<RouteParts, "store">): void {
  const app = plainApp.withTypeProvider<TypeBoxTypeProvider>();
  const url = `${policiesUrl}/:name`;

  app.get(policiesUrl, { schema: { ...listSchema, querystring: accessListQuery } }, (request, reply) => {
    const { page, next } = pageByName(accessFor(request, store).policies(), request.query);
    return reply.send({ policies: page.map(viewOf), ...(next !== undefined && { next }) });
  });

  app.get(url, { schema: { ...getSchema, querystring: noQuery } }, (request, reply) => {
    const { name } = request.params;
    const policy = accessFor(request, store).policy(name);
    if (policy === undefined) throw noPolicy(name);
    return reply.send(viewOf(policy));
  });

  app.put(
    url,
    { schema: { ...setSchema, querystring: noQuery, body: policyBody } },
    async (request, reply) => {
      const policy = { name: request.params.name, rules: request.body.rules };
      const { outcome } = await store.submit({ type: "setPolicy", policy, ...askedOf(request) });
      if (outcome.created) reply.code(201).header("Location", `${policiesUrl}/${policy.name}`);
      return viewOf(outcome.policy);
    },
  );

  app.delete(url, { schema: { ...deleteSchema, querystring: noQuery } }, async (request, reply) => {
    const { name } = request.params;
    await store.submit({ type: "deletePolicy", name, ...askedOf(request) });
    return reply.code(204).send();
  });
}

function viewOf({ name, rules }: Policy): Static<typeof policyAnswer> {
  const plain = ({ prefix, allow, deny }: Rule) => ({
    prefix,
    ...(allow !== undefined && { allow: [...allow] }),
    ...(deny !== undefined && { deny: [...deny] }),
  });
  return { name, rules: rules.map(plain) };
}

const tags = ["access"];
const writeProblems = ["bad_path", "throttled", "read_only", "suspended"] as const;

const listSchema = {
  operationId: "listPolicies",
  summary: "All policies, in pages",
  description: "`admin`, which allows everything, is always among them.",
  tags,
  response: {
    200: json(
      Type.Object(
        {
          policies: Type.Array(policyAnswer),
          next: nextMember,
        },
        { title: "PolicyPage" },
      ),
      "A page of policies, in order of their names.",
      { policies: [examplePolicy] },
    ),
    ...problems(),
  },
};

const getSchema = {
  operationId: "getPolicy",
  summary: "The rules of a policy",
  description: "As they were set.",
  tags,
  params: nameParameter,
  response: { 200: json(policyAnswer, "The policy.", examplePolicy), ...problems("bad_path", "no_policy") },
};

const setSchema = {
  operationId: "setPolicy",
  summary: "Make a policy, or give it other rules",
  description:
    "A rule speaks of the verbs it names. Of the rules that name a verb, those with the longest prefix of a path decide; " +
    "among them a denial. What no rule allows is denied. It counts from this write on, for whoever has the policy: streams " +
    "of those whose rights changed end with `unauthorised` and may be opened again.",
  tags,
  params: nameParameter,
  response: {
    200: json(policyAnswer, "The policy has these rules instead of those it had.", examplePolicy),
    201: {
      ...json(policyAnswer, "There was no such policy, and now there is.", examplePolicy),
      headers: locationHeader,
    },
    ...problems(...writeProblems, "reserved_path", "too_large"),
  },
};

const deleteSchema = {
  operationId: "deletePolicy",
  summary: "Delete a policy that no token has",
  description: "`policy_in_use` names one that has it.",
  tags,
  params: nameParameter,
  response: {
    204: { description: "There is no such policy any more.", type: "null" },
    ...problems(...writeProblems, "reserved_path", "no_policy", "policy_in_use"),
  },
};
