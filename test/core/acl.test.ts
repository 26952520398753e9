// Lists as such: what may stand in one, what is made of what a client writes, and whom it lets in.

import { BlockList, isIP } from "node:net";
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  type Acl,
  type AclEntry,
  aclAllows,
  type Identities,
  isMasked,
  nobodyKnown,
  openAcl,
  type Permission,
  permissionBits,
  permissions,
  shownTo,
  textOfAcl,
} from "../../src/core/acl/acl.ts";
import { aclOfText, parseAcl, permissionNames, validateAcl } from "../../src/core/acl/acl-syntax.ts";
import { isAddressIn, isNetwork } from "../../src/core/acl/addresses.ts";
import { KeeperError } from "../../src/core/errors.ts";
import { aclEntriesMax, aclIdLengthMax } from "../../src/core/limits.ts";

const world = { perms: 31, scheme: "world", id: "anyone" } as const;
const ann = "ann:Zm9v";
const bob = "bob:YmFy";
const from = (address: string): Identities => ({ ...nobodyKnown, address });
const as = (...digests: string[]): Identities => ({ ...nobodyKnown, digests });

const anyAddress = fc
  .oneof(fc.ipV4(), fc.ipV6())
  .filter((text) => !(text.includes(":") && text.includes(".")));
const anyEntry: fc.Arbitrary<AclEntry> = fc.oneof(
  fc.record({
    perms: fc.nat(31),
    ...{ scheme: fc.constant("digest" as const), id: fc.constantFrom(ann, bob, ":Zm9v", "größer:eA==") },
  }),
  fc.record({ perms: fc.nat(31), scheme: fc.constant("ip" as const), id: anyAddress }),
  fc.record({ perms: fc.nat(31), scheme: fc.constant("world" as const), id: fc.constant("anyone") }),
);
const anyAcl = fc.array(anyEntry, { minLength: 1, maxLength: 6 });

function refusalOf(attempt: () => unknown): KeeperError {
  try {
    attempt();
  } catch (error) {
    if (error instanceof KeeperError) return error;
    throw error;
  }
  throw new Error("it was taken");
}

const refusalOfWire = (wire: unknown, digests: string[] = []) => refusalOf(() => parseAcl(wire, digests));

test("a permission is a bit, and a list of their names is the sum of them [A1]", () => {
  expect(permissionBits).toEqual({ read: 1, write: 2, create: 4, delete: 8, admin: 16 });
  fc.assert(
    fc.property(fc.uniqueArray(fc.constantFrom(...permissions)), (names: Permission[]) => {
      const bits = names.reduce((sum, name) => sum + permissionBits[name], 0);
      expect(parseAcl([{ ...world, perms: names }], [])).toEqual([{ ...world, perms: bits }]);
      expect([...permissionNames(bits)].sort()).toEqual([...names].sort());
    }),
  );
  expect(parseAcl([{ ...world, perms: permissions }], [])).toEqual(openAcl.entries);
});

test("any entry with any of the bits lets in, whatever the others say [A2]", () => {
  const acl: Acl = [
    { perms: permissionBits.read, scheme: "digest", id: ann },
    { perms: permissionBits.write, scheme: "ip", id: "10.0.0.0/8" },
    { perms: 0, scheme: "world", id: "anyone" },
  ];
  const both: Identities = { digests: [ann], address: "10.1.2.3", isSuper: false };
  const can = (who: Identities) => permissions.filter((name) => aclAllows(acl, permissionBits[name], who));
  expect(can(as(ann))).toEqual(["read"]);
  expect(can(from("10.1.2.3"))).toEqual(["write"]);
  expect(can(both)).toEqual(["read", "write"]);
  expect(can(as(bob))).toEqual([]);
  expect(aclAllows(acl, permissionBits.read | permissionBits.admin, as(ann))).toBe(true);
  expect(aclAllows(acl, 0, both)).toBe(false);
});

test("who may do something may do it with more identities, more entries and more bits asked for too [A2]", () => {
  const someone = fc.record({
    digests: fc.subarray([ann, bob]),
    address: fc.constantFrom(null, "10.0.0.1", "2001:db8::1"),
    isSuper: fc.constant(false),
  });
  fc.assert(
    fc.property(anyAcl, anyEntry, fc.nat(31), fc.nat(31), someone, (acl, further, perms, more, who) => {
      if (!aclAllows(acl, perms, who)) return;
      expect(aclAllows([further, ...acl], perms, who)).toBe(true);
      expect(aclAllows(acl, perms | more, who)).toBe(true);
      expect(aclAllows(acl, perms, { ...who, digests: [...who.digests, "eve:eA=="] })).toBe(true);
    }),
  );
});

test.each([
  ["no list", null],
  ["a list that is none", { 0: world, length: 1 }],
  ["no entry", []],
  ["an entry that is null", [null]],
  ["an entry that is a list", [[31, "world", "anyone"]]],
  ["no scheme", [{ perms: ["read"], id: "anyone" }]],
  ["a scheme that is null", [{ ...world, perms: ["read"], scheme: null }]],
  ["no id", [{ perms: ["read"], scheme: "world" }]],
  ["an id that is null", [{ ...world, perms: ["read"], id: null }]],
  ["a scheme nobody knows", [{ ...world, perms: ["read"], scheme: "sasl" }]],
  ["the scheme of those whom no list holds", [{ perms: ["read"], scheme: "super", id: "" }]],
  ["a scheme every object has", [{ perms: ["read"], scheme: "constructor", id: "" }]],
  ["no permissions", [{ scheme: "world", id: "anyone" }]],
  ["permissions that are a number", [world]],
  ["a permission nobody knows", [{ ...world, perms: ["read", "own"] }]],
  ["permissions that are letters", [{ ...world, perms: "cdrwa" }]],
  ["a permission every object has a member for", [{ ...world, perms: ["constructor"] }]],
  ["another member", [{ ...world, perms: ["read"], deny: true }]],
  [
    "a good entry before a bad one",
    [
      { ...world, perms: ["read"] },
      { ...world, perms: ["read"], id: "bob" },
    ],
  ],
])("a list is refused for %s [A4]", (_, wire) => {
  expect(refusalOfWire(wire).code).toBe("bad_acl");
});

test("permissions may be none, what stands twice stands once, and the order is kept [A4]", () => {
  const wire = [
    { perms: [], scheme: "world", id: "anyone" },
    { perms: ["read", "write"], scheme: "digest", id: ann },
    { perms: [], scheme: "world", id: "anyone" },
    { perms: ["write", "read", "read"], scheme: "digest", id: ann },
    { perms: ["read"], scheme: "digest", id: ann },
  ];
  expect(parseAcl(wire, [])).toEqual([
    { perms: 0, scheme: "world", id: "anyone" },
    { perms: 3, scheme: "digest", id: ann },
    { perms: 1, scheme: "digest", id: ann },
  ]);
});

test("a list has so many entries and ids so many characters, and the refusal says how many [A4]", () => {
  const entries = Array.from({ length: aclEntriesMax + 1 }, (_, index) => ({
    ...{ perms: ["read"], scheme: "digest", id: `${index}:x` },
  }));
  expect(parseAcl(entries.slice(1), [])).toHaveLength(aclEntriesMax);
  expect(refusalOfWire(entries).details).toEqual({
    ...{ limit: "aclEntriesMax", limitValue: aclEntriesMax, size: aclEntriesMax + 1 },
  });
  const auth = Array.from({ length: 60 }, (_, index) => ({
    perms: [index % 2 ? "read" : "write"],
    scheme: "auth",
  }));
  const digests = Array.from({ length: 60 }, (_, index) => `${index}:x`);
  expect(refusalOfWire(auth, digests).details.size).toBe(120);
  const long = (length: number) => [{ perms: ["read"], scheme: "digest", id: `a:${"x".repeat(length - 2)}` }];
  expect(parseAcl(long(aclIdLengthMax), [])).toHaveLength(1);
  expect(refusalOfWire(long(aclIdLengthMax + 1)).message).toContain(String(aclIdLengthMax));
});

test("a refusal says which entry it is about and repeats nothing of it [A4, A7]", () => {
  const secret = "hunter2";
  for (const entry of [
    { perms: ["read"], scheme: "digest", id: secret },
    { perms: ["read"], scheme: secret, id: "a:b" },
    { perms: secret, scheme: "digest", id: "a:b" },
    { perms: ["read"], scheme: "ip", id: secret },
    { perms: ["read"], scheme: "digest", id: "a:b", [secret]: secret },
  ]) {
    const { message } = refusalOfWire([{ ...world, perms: ["read"] }, entry]);
    expect(message).toMatch(/^Entry 1 /);
    expect(message).not.toContain(secret);
  }
});

test("of the world there is one id, and it is everybody [A5]", () => {
  expect(aclAllows(parseAcl([{ perms: ["read"], scheme: "world", id: "anyone" }], []), 1, nobodyKnown)).toBe(
    true,
  );
  for (const id of ["bob", "", "Anyone", "anyone "])
    expect(refusalOfWire([{ perms: ["read"], scheme: "world", id }]).code).toBe("bad_acl");
});

test("auth becomes an entry for each digest of the caller, whatever its id says, and is refused without [A6]", () => {
  const wire = [
    { perms: ["read", "write"], scheme: "auth", id: "whatever" },
    { perms: ["read"], scheme: "auth", id: null },
    { perms: ["admin"], scheme: "auth" },
  ];
  expect(parseAcl(wire, [ann, bob])).toEqual(
    [3, 1, 16].flatMap((perms) => [ann, bob].map((id) => ({ perms, scheme: "digest", id }))),
  );
  expect(refusalOfWire(wire).code).toBe("bad_acl");
  expect(refusalOf(() => validateAcl([{ perms: 1, scheme: "auth" as "world", id: "" }])).code).toBe(
    "bad_acl",
  );
});

test.each(["u:h", ":h", "u:h:", "u:h::", "größer:h"])("%j is an id of the scheme digest [A7]", (id) => {
  expect(parseAcl([{ perms: ["read"], scheme: "digest", id }], [])).toEqual([
    { perms: 1, scheme: "digest", id },
  ]);
});

test.each(["", "u", "u:", "u::", ":", "a:b:c", "a:b:c:", "a:\ud800"])(
  "%j is no id of the scheme digest [A7]",
  (id) => expect(refusalOfWire([{ perms: ["read"], scheme: "digest", id }]).code).toBe("bad_acl"),
);

test("a digest lets in whoever shows the very same one [A7]", () => {
  const acl = parseAcl([{ perms: ["read"], scheme: "digest", id: ann }], []);
  expect(aclAllows(acl, 1, as(ann))).toBe(true);
  for (const other of [bob, "ann:zm9v", "ann:Zm9", "ann:Zm9v:", "Ann:Zm9v"])
    expect(aclAllows(acl, 1, as(other))).toBe(false);
});

test.each([
  ...["127.0.0.1", "127.0.0.1/32", "127.0.0.1/0", "0.0.0.0", "255.255.255.255", "10.0.0.0/8"],
  ...["2001:db8:1234:1234::", "2001:db8:1234:1234::/64", "2001:db8::/0", "::/128", "::", "::1"],
  ...["1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8", "2001:DB8::A/32"],
])("%s is an id of the scheme ip [A8]", (id) => expect(isNetwork(id)).toBe(true));

test.each([
  ...[
    "",
    "/",
    "/8",
    "127.0.0.1/33",
    "10.0.0.1/-1",
    "10.0.0.1/",
    "10.0.0.1/8/8",
    "10.0.0.1/08",
    "10.0.0.1/ 8",
  ],
  ...[
    "10.0.0.1/1e1",
    "10.0.0.1/8.0",
    "10.0.0",
    "10.0.0.0.1",
    "256.0.0.1",
    "10.0.0.-1",
    "010.0.0.1",
    "1.2.3.0x4",
  ],
  ...[
    "2001:db8::/129",
    "2001:db8::/-1",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "1::2::3",
    "1:2:3:4:5:6:7:8::",
  ],
  ...[
    "::1:2:3:4:5:6:7:8",
    ":",
    ":::",
    ":1",
    "1:",
    "g::",
    "12345::",
    "::ffff:1.2.3.4",
    "::1.2.3.4",
    "fe80::1%eth0",
  ],
  ...["localhost", " 10.0.0.1", "10.0.0.1 ", "10.0.0.1\n"],
])("%j is no id of the scheme ip [A8]", (id) => {
  expect(isNetwork(id)).toBe(false);
  expect(isAddressIn("10.0.0.1", id)).toBe(false);
});

test("what is an address here is one to Node, and who is in a network here is in it there [A8]", () => {
  const families = { 4: { name: "ipv4", bits: 32 }, 6: { name: "ipv6", bits: 128 } } as const;
  fc.assert(
    fc.property(anyAddress, anyAddress, fc.nat(128), (address, other, asked) => {
      const family = families[isIP(other) as 4 | 6];
      expect(isNetwork(other)).toBe(true);
      const bits = asked % (family.bits + 1);
      const list = new BlockList();
      list.addSubnet(other, bits, family.name);
      for (const one of [address, other]) {
        const isSameFamily = isIP(one) === isIP(other);
        const isIn = isSameFamily && list.check(one, family.name);
        expect(isAddressIn(one, `${other}/${bits}`)).toBe(isIn);
      }
    }),
  );
  fc.assert(fc.property(fc.string(), (text) => !isNetwork(text) || isIP(text.split("/")[0] as string) !== 0));
});

test("the families never meet, and who comes from nowhere is in no network [A8]", () => {
  const acl = parseAcl(
    ["0.0.0.0/0", "::/0"].map((id, bit) => ({ perms: [permissions[bit]], scheme: "ip", id })),
    [],
  );
  const can = (who: Identities) => permissions.filter((name) => aclAllows(acl, permissionBits[name], who));
  expect(can(from("9.8.7.6"))).toEqual(["read"]);
  expect(can(from("2001:db8::1"))).toEqual(["write"]);
  expect(can(nobodyKnown)).toEqual([]);
  expect(can(from("unix socket"))).toEqual([]);
});

test("whom no list holds may do everything, and no list can name it [A10]", () => {
  const nobody = parseAcl([{ perms: [], scheme: "world", id: "anyone" }], []);
  expect(aclAllows(nobody, 16, { ...nobodyKnown, isSuper: true })).toBe(true);
  expect(refusalOfWire([{ perms: ["read"], scheme: "super", id: "anyone" }]).code).toBe("bad_acl");
});

test("a masked list has its users and none of their hashes [A14]", () => {
  const acl: Acl = [
    { perms: 1, scheme: "digest", id: ann },
    { perms: 2, scheme: "digest", id: ":Zm9v" },
    { perms: 3, scheme: "digest", id: "u:h:" },
    { perms: 4, scheme: "ip", id: "::1" },
    { perms: 5, scheme: "world", id: "anyone" },
  ];
  expect(isMasked(acl)).toBe(false);
  expect(isMasked(shownTo(nobodyKnown, acl))).toBe(true);
  expect(shownTo({ ...nobodyKnown, isSuper: true }, acl)).toEqual(acl);
  expect(shownTo(as(ann), acl).map(({ perms, id }) => [perms, id])).toEqual([
    [1, "ann:x"],
    [2, ":x"],
    [3, "u:x"],
    [4, "::1"],
    [5, "anyone"],
  ]);
});

test("the text of a list gives it back, and two lists have two texts [A19]", () => {
  fc.assert(
    fc.property(anyAcl, anyAcl, (acl, other) => {
      expect(aclOfText(textOfAcl(acl))).toEqual(acl);
      const isSame = JSON.stringify(acl) === JSON.stringify(other);
      expect(textOfAcl(acl) === textOfAcl(other)).toBe(isSame);
    }),
  );
});
