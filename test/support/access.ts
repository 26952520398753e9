// Access control for tests: turned on as a start of the service does it, with one token that may do everything.

import type { FastifyInstance } from "fastify";
import { hashSecret } from "../../src/access/secrets.ts";
import type { Rule } from "../../src/core/access/policy.ts";
import type { TokenRequest } from "../../src/core/access/token.ts";
import { anyone } from "../../src/routes/wire/callers.ts";
import type { Store } from "../../src/store/store.ts";
import { contextOfAdmin } from "./access-on.ts";

export type Bearer = { readonly authorization: string };

/** @returns the headers of an admin, whose token is named `root` */
export async function turnOnAccess(store: Store): Promise<Bearer> {
  await store.submit({ type: "turnOnAccess", principal: "system" });
  return await addToken(store, { name: "root", policies: ["admin"] });
}

/** @returns the headers of whoever has the token */
export async function addToken(
  store: Store,
  {
    name,
    policies,
    root = "/",
    validUntilMs = null,
  }: Partial<TokenRequest> & Pick<TokenRequest, "name" | "policies">,
): Promise<Bearer> {
  const secret = `tk_secret-of-${name}`;
  const token = { name, policies, root, validUntilMs };
  await store.submit({ type: "createToken", token, hash: hashSecret(secret), principal: "system" });
  return { authorization: `Bearer ${secret}` };
}

/** A token with a policy of its own, of the same name. */
export async function addTokenWith(
  store: Store,
  name: string,
  rules: readonly Rule[],
  root = "/",
): Promise<Bearer> {
  await store.submit({ type: "setPolicy", policy: { name, rules }, principal: "system" });
  return await addToken(store, { name, policies: [name], root });
}

/** For routes without the server around them: everybody is let in. */
export function letEverybodyIn(app: FastifyInstance): void {
  const caller = contextOfAdmin() ?? anyone;
  app.decorateRequest("caller", null);
  app.addHook("onRequest", async (request) => {
    request.caller = caller;
  });
}
