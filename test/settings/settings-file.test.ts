// A file of settings is read as it is meant, or refused with the place where it is not clear what is meant.

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { readSettingsFile, SettingsFileError } from "../../src/settings/settings-file.ts";

const folder = mkdtempSync(join(tmpdir(), "treekeeper-settings-"));
const file = join(folder, "treekeeper.conf");
afterAll(() => rmSync(folder, { recursive: true }));

function read(content: string | Buffer) {
  writeFileSync(file, content);
  return readSettingsFile(file);
}

test("a setting is a line; comments, empty lines and space around it are no part of it", () => {
  expect(
    read("\ufeff# of the team\n\nport = 2282\r\n  data-dir=/var/lib/a b#c = d\t\n\t# port = 1\ntls-cert =\n"),
  ).toEqual([
    { name: "port", value: "2282", line: 3 },
    { name: "data-dir", value: "/var/lib/a b#c = d", line: 4 },
    { name: "tls-cert", value: "", line: 6 },
  ]);
  expect(read("")).toEqual([]);
});

describe("what could be meant otherwise is refused, with its place and nothing of what stands there", () => {
  const refused = {
    "no setting": ["port = 1\nhelp me", ":2: It is no setting"],
    "a flag": ["--port = 1", ":1: It is no setting"],
    "a variable": ["\n\nTREEKEEPER_PORT=1", ":3: It is no setting"],
    "a setting twice": ["port = 1\n# again\nport = 1", ":3: port: It is set in line 1 already"],
    "a value in quotes": ['host = "a"', ":1: host: Its value is written without quotes"],
    "a comment behind a value": ["port = 1 # or 2", ":1: port: A comment has a line of its own"],
    "what no editor shows": ["host = a\u0000", ": It is not text"],
    "another encoding": [Buffer.from("host = \xe9", "latin1"), ": It is not text"],
    "more than any file that is meant": ["# much\n".repeat(10_000), ": It has more than 65536 bytes"],
  } as const;
  test.for(Object.entries(refused))("%s", ([, [content, reason]]) => {
    const reading = () => read(content);
    expect(reading).toThrow(SettingsFileError);
    expect(reading).toThrow(`${file}${reason}`);
    expect(reading).not.toThrow(/help me|"a"|or 2/);
  });

  test("what cannot be read, is not there, or is no file", () => {
    execFileSync("mkfifo", [join(folder, "pipe")]);
    for (const other of [join(folder, "missing"), folder, join(folder, "pipe"), "/dev/zero"])
      expect(() => readSettingsFile(other)).toThrow(`${other}: It cannot be read: `);
  });
});
