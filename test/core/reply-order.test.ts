import { expect, test } from "vitest";
import type { Reply } from "../../src/core/replies/reply.ts";
import { ReplyOrder } from "../../src/core/replies/reply-order.ts";

test("an old reply that is kept does not keep the places of all that went after it", () => {
  const kept = new Set<Reply>();
  const order = new ReplyOrder((reply) => kept.has(reply));
  const add = (zxid: number) => {
    const reply: Reply = { scope: "", key: `${zxid}`, request: "", zxid, timeMs: 0, ranMs: 0, outcome: "{}" };
    kept.add(reply);
    order.add(reply);
    return reply;
  };
  const old = add(1);
  for (let zxid = 2; zxid < 20_000; zxid += 1) {
    kept.delete(add(zxid));
    order.drop();
  }
  const last = add(20_000);
  expect([...order]).toEqual([old, last]);
  expect(order.length).toBeLessThan(3000);
});
