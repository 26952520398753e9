import { expect, test } from "vitest";
import { shortageOf } from "../../src/store/sqlite/space.ts";

const settings = { freeBytesMin: 100, checkpointBytes: 20, walBytesMax: 60, neededBytes: 0 };
const bare = { diskBytes: 0, emptyBytes: 0, growthBytes: 0, walFileBytes: 0, unreflectedBytes: 0 };

test.for([
  { what: "room on the disk", room: { diskBytes: 100 }, isEnough: true },
  { what: "less of it", room: { diskBytes: 99 }, isEnough: false },
  { what: "empty pages beside it", room: { diskBytes: 40, emptyBytes: 60 }, isEnough: true },
  {
    what: "empty pages, and no room to log what goes there",
    room: { diskBytes: 39, emptyBytes: 900 },
    isEnough: false,
  },
  { what: "a log that is written over", room: { walFileBytes: 40, emptyBytes: 60 }, isEnough: true },
  {
    what: "a log beyond its bound, which is cut",
    room: { walFileBytes: 99, diskBytes: 39 },
    isEnough: false,
  },
  {
    what: "a log that the file will grow by",
    room: { diskBytes: 80, walFileBytes: 60, growthBytes: 41 },
    isEnough: false,
  },
  {
    what: "empty pages, and no room to move the log",
    room: { diskBytes: 49, walFileBytes: 60, growthBytes: 30, emptyBytes: 900 },
    isEnough: false,
  },
  {
    what: "entries that will be rows",
    room: { diskBytes: 119, unreflectedBytes: 10 },
    isEnough: false,
  },
  {
    what: "room to move the log",
    room: { diskBytes: 50, walFileBytes: 60, growthBytes: 30, emptyBytes: 900 },
    isEnough: true,
  },
])("enough is $what: $isEnough", ({ room, isEnough }) => {
  const shortage = shortageOf({ ...bare, ...room }, settings);
  if (isEnough) expect(shortage).toBeNull();
  else expect(shortage).toMatch(/^The disk .* \d+ bytes/);
});

test("the ballast needs room of its own", () => {
  expect(shortageOf({ ...bare, diskBytes: 100 }, { ...settings, neededBytes: 1 })).toMatch(/101 are wanted/);
});
