// Set up before each file of a suite that asks with access control on: what a test fetches, or asks over HTTP/2, shows the
// admin's token unless it shows one of its own. So does the client under test, which fetches as everybody does.

import http2 from "node:http2";
import { syncBuiltinESMExports } from "node:module";
import { bearerOf, secretOfAdmin } from "./secret-of-admin.ts";

const bearer = bearerOf(secretOfAdmin);
const { fetch: platformFetch } = globalThis;

globalThis.fetch = (input, init) => {
  const headers = new Headers(init?.headers ?? (input instanceof Request ? input.headers : undefined));
  for (const [name, value] of Object.entries(bearer)) if (!headers.has(name)) headers.set(name, value);
  return platformFetch(input, { ...init, headers });
};

const { connect } = http2;

http2.connect = ((...args: Parameters<typeof connect>) => {
  const session = connect(...args);
  const request = session.request.bind(session);
  session.request = (headers, options) => request({ ...bearer, ...headers }, options);
  return session;
}) as typeof connect;
syncBuiltinESMExports();
