// The token by which a follower asks: alone in a file of its own.

import { readFileSync, statSync } from "node:fs";
import { othersBits } from "../../own-directory.ts";

/** @throws Error where it cannot be read, or others can read it too */
export function tokenIn(file: string): string {
  const { uid, mode } = statSync(file);
  // What somebody else laid there, with a group of its own, is theirs to guard.
  if (uid === process.geteuid?.() && (mode & othersBits) !== 0)
    throw new Error(`The file ${file} holds a token and can be opened by others: chmod 600 it.`);
  const token = readFileSync(file, "utf8").trim();
  if (/^[\x21-\x7e]+$/.test(token)) return token;
  throw new Error(`The file ${file} does not hold one token in one line.`);
}
