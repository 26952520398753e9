// The syntax of paths, edge by edge, and how it reaches every operation before anything else is asked.

import { describe, expect, test } from "vitest";
import { defaultLimits } from "../../src/core/limits.ts";
import {
  baseName,
  joinPath,
  parentPath,
  pathSegments,
  validateName,
  validatePath,
  validateSequentialPrefix,
} from "../../src/core/tree/path.ts";
import { bytes, test as keeperTest, plain, refusal, sequential } from "../support/keeper.ts";

function faultOf(validate: (text: string) => void, text: string): string | null {
  try {
    validate(text);
    return null;
  } catch (error) {
    return (error as { code: string }).code;
  }
}

test.each(["", "a", "a/b", "./a", " /a"])("%j is refused: a path starts with a slash [P2]", (path) => {
  expect(faultOf(validatePath, path)).toBe("bad_path");
});

test.each(["/a/", "/a/b/", "/a//"])("%j is refused: a path does not end with a slash [P2]", (path) => {
  expect(faultOf(validatePath, path)).toBe("bad_path");
});

test.each(["//", "///", "//a", "/a//b", "/a/b//", "/a//"])(
  "%j is refused: a segment is empty [P3]",
  (path) => {
    expect(faultOf(validatePath, path)).toBe("bad_path");
  },
);

test.each(["/.", "/..", "/a/./b", "/a/../b", "/a/.", "/a/..", "/./", "/../a", "/./a"])(
  "%j is refused: a segment is one dot or two [P4]",
  (path) => {
    expect(faultOf(validatePath, path)).toBe("bad_path");
  },
);

test.each([
  "/",
  "/...",
  "/.a",
  "/a.",
  "/..a",
  "/a..",
  "/.f.",
  "/..f..",
  "/f/f./f",
  "/a/.../b",
  "/a/....",
  "/a.b",
])("%j is a path [P4]", (path) => {
  expect(faultOf(validatePath, path)).toBeNull();
});

describe("characters", () => {
  const edges: readonly [number, "refused" | "allowed"][] = [
    [0x0000, "refused"],
    [0x0001, "refused"],
    [0x001f, "refused"],
    [0x0020, "allowed"],
    [0x007e, "allowed"],
    [0x007f, "refused"],
    [0x0080, "refused"],
    [0x009f, "refused"],
    [0x00a0, "allowed"],
    [0xd7ff, "allowed"],
    [0xd800, "refused"],
    [0xdbff, "refused"],
    [0xdc00, "refused"],
    [0xdfff, "refused"],
    [0xe000, "refused"],
    [0xf8ff, "refused"],
    [0xf900, "allowed"],
    [0xffef, "allowed"],
    [0xfff0, "refused"],
    [0xffff, "refused"],
  ];

  for (const [code, verdict] of edges) {
    const name = `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
    test(`${name} is ${verdict} anywhere in a path [P5]`, () => {
      const character = String.fromCharCode(code);
      for (const path of [`/${character}`, `/a${character}b`, `/a/${character}/b`]) {
        expect(faultOf(validatePath, path)).toBe(verdict === "refused" ? "bad_path" : null);
      }
    });
  }

  test("every code unit is judged by the ranges, and by nothing else [P5]", () => {
    const ranges = [
      [0x0000, 0x001f],
      [0x007f, 0x009f],
      [0xd800, 0xf8ff],
      [0xfff0, 0xffff],
    ] as const;
    const slashAndDot = [0x2f, 0x2e];
    for (let code = 0; code <= 0xffff; code += 1) {
      if (slashAndDot.includes(code)) continue;
      const refused = ranges.some(([first, last]) => code >= first && code <= last);
      expect(faultOf(validatePath, `/${String.fromCharCode(code)}`) !== null, `code unit ${code}`).toBe(
        refused,
      );
    }
  });

  test("what lies beyond the basic plane is refused, and the refusal is printable [P5]", () => {
    const attempt = () => validatePath("/party/🎉\n");
    expect(attempt).toThrow("U+1F389 (at position 7)");
    expect(faultOf(validatePath, "/party/🎉")).toBe("bad_path");
    try {
      attempt();
    } catch (error) {
      expect(error).toMatchObject({ details: { path: "/party/U+1F389U+000A" } });
    }
  });
});

test.each(["/q/", "/q/.", "/q/..", "/q/n-", "/", "/.", "/..", "/q"])(
  "%j can be given a number [P7]",
  (prefix) => {
    expect(faultOf(validateSequentialPrefix, prefix)).toBeNull();
  },
);

test.each(["", "q", "//", "/q//", "/./", "/../", "/q/./", "/q/../n", "/q/\u0000"])(
  "%j cannot be given a number [P7]",
  (prefix) => {
    expect(faultOf(validateSequentialPrefix, prefix)).toBe("bad_path");
  },
);

test.each(["", ".", "..", "a/b", "/", "a\u0000"])("%j is no name [P3, P4, P5]", (name) => {
  expect(faultOf(validateName, name)).toBe("bad_path");
});

test("paths are taken apart and put together again", () => {
  const parts = [
    { path: "/a", parent: "/", name: "a", segments: ["a"] },
    { path: "/a/b", parent: "/a", name: "b", segments: ["a", "b"] },
    { path: "/a/b/c d", parent: "/a/b", name: "c d", segments: ["a", "b", "c d"] },
  ];
  for (const { path, parent, name, segments } of parts) {
    expect([parentPath(path), baseName(path), pathSegments(path)]).toEqual([parent, name, segments]);
    expect(joinPath(parent, name)).toBe(path);
  }
  expect([parentPath("/"), baseName("/"), pathSegments("/")]).toEqual(["/", "", []]);
});

keeperTest(
  "two spellings of one letter, and two cases of one, are different znodes [P1]",
  async ({ keeper }) => {
    for (const path of ["/\u00e9", "/e\u0301", "/a", "/A"]) await keeper.create(path);
    expect(keeper.children("/")).toEqual(["A", "a", "e\u0301", "\u00e9"]);
  },
);

keeperTest(
  "every operation refuses a malformed path alike, whatever the tree looks like [P2, O3]",
  async ({ keeper }) => {
    const { store } = keeper;
    const data = bytes("");
    const path = "/a/";
    const attempts = [
      store.submit({ type: "create", path, data, mode: plain, sessionId: "0000000000000bad" }),
      store.submit({ type: "setData", path, data, sessionId: "0000000000000bad" }),
      store.submit({ type: "delete", path, version: 7 }),
      store.submit({ type: "deleteTree", path }),
      store.submit({ type: "multi", operations: [{ type: "increment", path, by: 1 }] }),
      store.submit({ type: "multi", operations: [{ type: "check", path }] }),
      store.submit({ type: "delete", path: "/a", fences: [{ path, czxid: 1 }] }),
    ];
    const codes = await Promise.all(attempts.map(refusal));
    expect(new Set(codes)).toEqual(new Set(["bad_path"]));
    expect(await keeper.log.tail()).toBe(0);
  },
);

keeperTest("ordinary characters of URLs are ordinary in names [P6]", async ({ keeper }) => {
  const names = [" ", "#", "%2F", "+", ":", "?", "\\", "a b", "a%2Fb", "a?b", "~"];
  for (const name of names) await keeper.create(`/${name}`, plain, name);
  expect(keeper.children("/")).toEqual([...names].sort());
  for (const name of names) expect(keeper.data(`/${name}`)).toBe(name);
});

keeperTest("a number alone is a name, under any parent and after dots [P7, P8]", async ({ keeper }) => {
  await keeper.create("/q");
  expect((await keeper.create("/q/", sequential)).path).toBe("/q/0000000000");
  expect((await keeper.create("/q/.", sequential)).path).toBe("/q/.0000000001");
  expect((await keeper.create("/q/..", sequential)).path).toBe("/q/..0000000002");
  expect(await refusal(keeper.create("/q//", sequential))).toBe("bad_path");
  expect((await keeper.create("/", sequential)).path).toBe("/0000000001");
});

keeperTest("the root exists already [P8]", async ({ keeper }) => {
  expect(await refusal(keeper.create("/"))).toBe("node_exists");
});

keeperTest("a path has up to 4096 code units, and no more [P9]", async ({ keeper }) => {
  const longest = `/${"x".repeat(defaultLimits.pathLengthMax - 1)}`;
  expect((await keeper.create(longest)).path).toHaveLength(4096);
  expect(await refusal(keeper.create(`${longest}x`))).toBe("bad_path");
  await expect(keeper.set(`${longest}x`, "")).rejects.toMatchObject({
    details: { limit: "pathLengthMax", limitValue: 4096, size: 4097 },
  });
});

keeperTest("a value has up to 1 MiB, and no more [P9]", async ({ keeper }) => {
  const largest = "x".repeat(defaultLimits.dataBytesMax);
  expect((await keeper.create("/a", plain, largest)).stat.dataLength).toBe(1_048_576);
  expect(await refusal(keeper.create("/b", plain, `${largest}x`))).toBe("too_large");
  expect(await refusal(keeper.set("/a", `${largest}x`))).toBe("too_large");
  expect(keeper.stat("/a").version).toBe(0);
});

keeperTest("a deep tree is a tree like any other [P9]", async ({ keeper }) => {
  const path = "/d".repeat(2000);
  await keeper.store.submit({ type: "create", path, data: bytes("deep"), mode: plain, parents: true });
  expect(keeper.data(path)).toBe("deep");
  expect([...keeper.state.tree.subtree("/")]).toHaveLength(2001);
  const { outcome } = await keeper.store.submit({ type: "deleteTree", path: "/d" });
  expect(outcome.deleted).toBe(2000);
});

keeperTest(
  "the root cannot be deleted, whatever else is wrong with the request [P10]",
  async ({ keeper }) => {
    await keeper.create("/a");
    expect(await refusal(keeper.delete("/"))).toBe("reserved_path");
    expect(await refusal(keeper.delete("/", 7))).toBe("reserved_path");
    expect(await refusal(keeper.store.submit({ type: "deleteTree", path: "/" }))).toBe("reserved_path");
    expect(await refusal(keeper.multi([{ type: "delete", path: "/" }]))).toBe("reserved_path");
  },
);

keeperTest("a fresh tree is the root alone [P10]", ({ keeper }) => {
  expect([...keeper.state.tree.values()].map(({ path }) => path)).toEqual(["/"]);
});

keeperTest("no other name is reserved [P11]", async ({ keeper }) => {
  for (const path of ["/zookeeper", "/zookeeper/quota", "/a", "/a/zookeeper"]) await keeper.create(path);
  await keeper.set("/zookeeper", "x");
  await keeper.delete("/zookeeper/quota");
  expect(keeper.children("/zookeeper")).toEqual([]);
});

keeperTest("the root can be set, and its events name it [P12]", async ({ keeper }) => {
  expect((await keeper.set("/", "hello")).version).toBe(1);
  expect(keeper.data("/")).toBe("hello");
  const [applied] = keeper.applied;
  expect(applied?.message?.events.map(({ type, path }) => [type, path])).toEqual([["changed", "/"]]);
});

keeperTest("the root of a fresh tree has zeros only [P13, D3]", ({ keeper }) => {
  expect(keeper.stat("/")).toEqual({
    ...{ czxid: 0, mzxid: 0, pzxid: 0, ctimeMs: 0, mtimeMs: 0, version: 0, cversion: 0, aversion: 0 },
    ...{ ephemeralOwner: null, dataLength: 0, numChildren: 0 },
  });
});
