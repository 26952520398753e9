// Paths (P1-P8): absolute, `/`-separated, compared code unit by code unit, never normalised. A path is valid as
// it stands or refused as it stands.

import { KeeperError } from "../errors.ts";
import { formatSequence } from "./sequence.ts";

export const rootPath = "/";

/** Control characters, surrogates and the private-use area, and the specials at the end of the plane (P5). */
const forbiddenCharacter = /[\u0000-\u001f\u007f-\u009f\ud800-\uf8ff\ufff0-\uffff]/;
/** A character beyond the plane is two surrogates, and one character to whoever wrote it. */
const forbiddenInPlain = new RegExp(`[\\ud800-\\udbff][\\udc00-\\udfff]|${forbiddenCharacter.source}`, "g");
const emptyOrDotSegment = /\/(?:\.{0,2}\/|\.{1,2}$)/;

/** @throws KeeperError `bad_path` saying what is wrong (P2-P5). */
export function validatePath(path: string): void {
  const fault = faultOf(path);
  if (fault !== null) throw new KeeperError("bad_path", fault, { path: printable(path) });
}

/** The prefix of a sequential create is judged with a number appended, so `/q/` and `/q/.` are legal (P7). */
export function validateSequentialPrefix(prefix: string): void {
  validatePath(prefix + formatSequence(0));
}

/** One path segment: names of locks, elections and services, and of children in cursors (P3-P5). */
export function validateName(name: string): void {
  if (name === "" || name.includes("/")) {
    throw new KeeperError("bad_path", "A name is one path segment: it is not empty and has no slash.");
  }
  validatePath(`/${name}`);
}

function faultOf(path: string): string | null {
  if (!path.startsWith("/")) return "A path starts with a slash.";
  if (path === rootPath) return null;
  if (path.endsWith("/")) return "A path does not end with a slash, except the root itself.";
  const character = forbiddenCharacter.exec(path);
  if (character !== null) {
    const name = codePointName(path.slice(character.index));
    return `A path may not contain the character ${name} (at position ${character.index}).`;
  }
  if (emptyOrDotSegment.test(path)) {
    return 'A path may not have an empty segment, nor one that is "." or "..": paths are never folded.';
  }
  return null;
}

function codePointName(text: string): string {
  return `U+${text.codePointAt(0)?.toString(16).toUpperCase().padStart(4, "0")}`;
}

/** A refused path can be echoed safely: what the rules forbid is shown as its code, and not without end. */
function printable(path: string): string {
  const shown = path.slice(0, shownLengthMax).replaceAll(forbiddenInPlain, codePointName);
  return path.length > shownLengthMax ? `${shown}…` : shown;
}

const shownLengthMax = 100;

/** The parent's path; the root is its own parent. */
export function parentPath(path: string): string {
  const slash = path.lastIndexOf("/");
  return slash <= 0 ? rootPath : path.slice(0, slash);
}

/** The last segment; empty for the root. */
export function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

export function joinPath(parent: string, name: string): string {
  return parent === rootPath ? `/${name}` : `${parent}/${name}`;
}

/** The segments from the root down; none for the root itself. */
export function pathSegments(path: string): string[] {
  return path === rootPath ? [] : path.slice(1).split("/");
}
