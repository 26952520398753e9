// What the command line lets through to a terminal, and what not, whoever has named or said it.

import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import fc from "fast-check";
import { expect, test as plainTest, vi } from "vitest";
import { printable, printableLine, quotedLine } from "../../src/printable.ts";
import { CliProcess, test } from "./fixture.ts";

/** Some start many programs at once. */
vi.setConfig({ testTimeout: 180_000 });

const nasty = "a\u001b[31m\u009b2J\u007f\r\u202eb\u2028c\u2066\ufeffd";
const shown = "a\\u001b[31m\\u009b2J\\u007f\\r\\u202eb\\u2028c\\u2066\\ufeffd";

plainTest("what could disturb a terminal is written as JSON writes it, and everything else stays", () => {
  expect(printable(nasty)).toBe(shown);
  expect(printable("one\n\ttwo")).toBe("one\n\ttwo");
  expect(printableLine("one\n\ttwo")).toBe("one\\n\\ttwo");
  expect(quotedLine("\\n\n")).toBe("\\\\n\\n");
  expect(printable("\u{e0041}\ud800")).toBe("\\udb40\\udc41\\ud800");
  for (const text of ["Zürich", "می\u200cخواهم", "👩\u200d🚀", "日本", "a\\b"])
    expect(printableLine(text)).toBe(text);
});

plainTest("JSON that was made printable says the same as before", () => {
  const text = fc.string({ unit: "binary" });
  fc.assert(
    fc.property(fc.dictionary(text, text), (value) => {
      const json = printable(JSON.stringify(value));
      expect(json).not.toMatch(/(?!\u200c|\u200d|\n|\t)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
      expect(JSON.parse(json)).toEqual(JSON.parse(JSON.stringify(value)));
    }),
    { numRuns: 30 },
  );
});

test("names of sessions and znodes, data and addresses are shown safely, as text and as JSON", async ({
  output,
  client,
  unique,
}) => {
  const session = await client.openSession({ name: nasty });
  const odd = "x\u202ey\u2028z";
  await client.create(`/${unique}/${odd}`, nasty, { parents: true });
  await session.register(unique, { address: nasty, port: 80 }, { id: odd });
  const znode = `/${unique}/${odd}`;
  const shownOnes = [
    ["session", "ls"],
    ["session", "show", session.id],
    ["services", unique],
    ["tree", `/${unique}`, "--data"],
    ["ls", `/${unique}`, "-l"],
    ["watch", znode, "--since", "0", "--once", "--json"],
    ["export", `/${unique}`],
  ];
  const printed = await Promise.all(shownOnes.map((args) => output(...args)));
  expect(printed).toEqual(printed.map(printable));
  expect(shownOnes.filter((_, index) => !printed[index]?.includes("\\u202e"))).toEqual([]);
  // A script reads names and data as they are.
  expect(await output("ls", `/${unique}`)).toBe(`${odd}\n`);
  expect(await output("get", znode)).toBe(nasty);
  await session.close();
});

test("what a service says of a fault is shown safely, in one line", async () => {
  const server = createServer((_request, response) => {
    response.writeHead(409, { "Content-Type": "application/problem+json" });
    response.end(
      JSON.stringify({ code: "node_exists", status: 409, detail: `${nasty}\ntreekeeper: all is well` }),
    );
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const { stderr } = await new CliProcess(["create", "/a"], { endpoint }).ended;
  expect(stderr).toBe(`treekeeper: ${shown}\\ntreekeeper: all is well (node_exists)\n`);
  const wrong = await new CliProcess(["create", "/a", "--\u001b[31m"], { endpoint }).ended;
  expect(wrong.stderr).toContain("--\\u001b[31m");
  server.close();
  server.closeAllConnections();
});
