// That each route which reads says what it reads, or the server does not start.

import fastify from "fastify";
import { expect, test } from "vitest";
import { tellWhatIsRead } from "../../src/routes/wire/what-is-read.ts";

test("a route that reads and stands nowhere is refused when it is added", () => {
  const app = fastify();
  tellWhatIsRead(app);
  expect(() => app.get("/v1/forgotten", () => null)).toThrow("GET /v1/forgotten has no row");
  expect(() => app.get("/livez", () => null)).not.toThrow();
  expect(() => app.post("/v1/forgotten", () => null)).not.toThrow();
});

test("a row of no route is a fault as well", () => {
  const assertWhole = tellWhatIsRead(fastify());
  expect(assertWhole).toThrow("GET /v1/znodes");
});
