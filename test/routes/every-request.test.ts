// What every request passes before its route: in order, until one step answers, whether or not one before it had to wait.

import Fastify from "fastify";
import { expect, onTestFinished, test } from "vitest";
import { passRequests, type RequestStep } from "../../src/routes/http/every-request.ts";

const goesOn: RequestStep = () => true;
const waits: RequestStep = () => Promise.resolve();
const answers: RequestStep = (_request, reply) => {
  reply.code(418).send("step");
  return false;
};
const throws: RequestStep = () => {
  throw Object.assign(new Error("refused"), { statusCode: 403 });
};
const rejects: RequestStep = async () => {
  await Promise.resolve();
  throw Object.assign(new Error("refused"), { statusCode: 403 });
};

/** The status of a request that passes these steps, and which of them it met; the route is the last. */
async function pass(...steps: RequestStep[]) {
  const met: number[] = [];
  const app = Fastify();
  onTestFinished(() => app.close());
  passRequests(
    app,
    steps.map((step, index) => (request, reply) => {
      met.push(index);
      return step(request, reply);
    }),
  );
  // An answer that takes a while to be sent is not sent yet when it would be too late.
  app.addHook("onSend", async (_request, _reply, payload) => {
    await new Promise((resolve) => setImmediate(resolve));
    return payload;
  });
  app.get("/", async () => {
    met.push(steps.length);
    return "route";
  });
  const { statusCode } = await app.inject("/");
  return { status: statusCode, met };
}

test("a request that no step answers comes to its route, in the order of the steps", async () => {
  expect(await pass()).toEqual({ status: 200, met: [0] });
  expect(await pass(goesOn, goesOn)).toEqual({ status: 200, met: [0, 1, 2] });
  expect(await pass(goesOn, waits, goesOn, waits)).toEqual({ status: 200, met: [0, 1, 2, 3, 4] });
});

test("a request that a step answers goes no further, also behind a step that waited", async () => {
  expect(await pass(answers, goesOn)).toEqual({ status: 418, met: [0] });
  expect(await pass(waits, answers, goesOn)).toEqual({ status: 418, met: [0, 1] });
  expect(await pass(waits, goesOn, waits, answers, waits)).toEqual({ status: 418, met: [0, 1, 2, 3] });
});

test("what a step throws is the answer, whether or not it had to wait", async () => {
  expect(await pass(throws, goesOn)).toEqual({ status: 403, met: [0] });
  expect(await pass(rejects, goesOn)).toEqual({ status: 403, met: [0] });
  expect(await pass(waits, throws, goesOn)).toEqual({ status: 403, met: [0, 1] });
  expect(await pass(waits, rejects, goesOn)).toEqual({ status: 403, met: [0, 1] });
});
