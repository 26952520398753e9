// What the routes about tokens and policies have in common: they are an admin's, and of nobody's part of the tree.

import type { FastifyRequest } from "fastify";
import { Type } from "typebox";
import type { ReadonlyAccess } from "../../core/access/access.ts";
import { Ask } from "../../core/access/ask.ts";
import { accessNameForm } from "../../core/access/policy.ts";
import type { Store } from "../../store/store.ts";
import { callerOf } from "../wire/callers.ts";
import { pageLimit } from "../wire/schemas.ts";

/** What is known of who may do what, for an admin to look at. @throws KeeperError `forbidden` */
export function accessFor(request: FastifyRequest, store: Store): ReadonlyAccess {
  new Ask(callerOf(request).permits).requireOfTree("admin");
  return store.access;
}

export const accessName = Type.String({
  maxLength: 64,
  "x-form": accessNameForm,
  "x-bounds": { minLength: 1, pattern: "^[A-Za-z0-9][A-Za-z0-9._-]*$" },
  description: "Its name.",
});

export const nameParameter = Type.Object({ name: accessName });

export const accessListQuery = Type.Object(
  {
    limit: pageLimit("Names in one page."),
    after: Type.Optional(Type.String({ maxLength: 64, description: "Go on after this name." })),
  },
  { additionalProperties: false },
);

export const noQuery = Type.Object({}, { additionalProperties: false });

/** A page of records in order of their names. */
export function pageByName<One extends { readonly name: string }>(
  all: Iterable<One>,
  { limit, after = "" }: { readonly limit: number; readonly after?: string },
): { readonly page: One[]; readonly next?: string } {
  const behind = [...all].filter(({ name }) => name > after).sort((a, b) => (a.name < b.name ? -1 : 1));
  const page = behind.slice(0, limit);
  const last = page.at(-1);
  return behind.length > limit && last !== undefined ? { page, next: last.name } : { page };
}
