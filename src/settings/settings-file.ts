// A file of settings, as an operator writes it: one a line, `name = value`. It says what the lines are and knows no setting.
// What could be meant in two ways is refused with its line; nothing of the file is repeated, since it may be the wrong one.

import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { messageOf } from "../followed-files.ts";

export interface SettingLine {
  readonly name: string;
  readonly value: string;
  /** Counted from 1. */
  readonly line: number;
}

/** A file that is not to be followed; its message begins with the file, and the line where there is one. */
export class SettingsFileError extends Error {}

/** No file that is meant has more: there is room for each setting and for a paragraph about it. */
const bytesMax = 65_536;

/** @throws SettingsFileError where it cannot be read, or one of its lines is neither a setting, a comment nor empty */
export function readSettingsFile(file: string): SettingLine[] {
  const lines = textOf(file).split(/\r?\n/);
  const settings: SettingLine[] = [];
  const lineOf = new Map<string, number>();
  for (const [index, text] of lines.entries()) {
    if (/^\s*(#.*)?$/.test(text)) continue;
    const line = index + 1;
    const setting = settingIn(text, { file, line });
    const before = lineOf.get(setting.name);
    if (before !== undefined) throw lineFault({ file, ...setting }, `It is set in line ${before} already.`);
    lineOf.set(setting.name, line);
    settings.push(setting);
  }
  return settings;
}

interface Place {
  readonly file: string;
  readonly line: number;
  /** Of the setting, once it is known to be a name. */
  readonly name?: string;
}

/** @returns an error whose message says where */
export function lineFault({ file, line, name }: Place, fault: string): SettingsFileError {
  return new SettingsFileError(`${file}:${line}: ${name === undefined ? "" : `${name}: `}${fault}`);
}

function settingIn(text: string, place: Place): SettingLine {
  const [, name, value] = /^\s*([a-z][a-z0-9-]*)\s*=\s*(.*?)\s*$/.exec(text) ?? [];
  if (name === undefined || value === undefined) throw lineFault(place, noSetting);
  const named = { ...place, name };
  if (/^["']/.test(value)) throw lineFault(named, "Its value is written without quotes.");
  if (/\s#/.test(value)) throw lineFault(named, "A comment has a line of its own.");
  return { name, value, line: place.line };
}

const noSetting =
  "It is no setting: a line is `name = value`, with the name of a flag without its dashes, or begins with #.";

function textOf(file: string): string {
  const bytes = bytesOf(file);
  if (bytes.length > bytesMax) throw fileFault(file, `It has more than ${bytesMax} bytes.`);
  const text = textIn(bytes);
  if (text === null) throw fileFault(file, "It is not text.");
  return text;
}

/** Null for what is not UTF-8, and for what has characters that no editor shows. */
function textIn(bytes: Buffer): string | null {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return /(?![\t\r\n])\p{Cc}/u.test(text) ? null : text;
  } catch {
    return null;
  }
}

/** One more than there may be, at most. A pipe is not waited for, and a device might never end. */
function bytesOf(file: string): Buffer {
  const descriptor = opened(file);
  try {
    if (!fstatSync(descriptor).isFile()) throw new Error("it is not a file");
    const bytes = Buffer.alloc(bytesMax + 1);
    let length = 0;
    for (let count = -1; count !== 0 && length < bytes.length; length += count)
      count = readSync(descriptor, bytes, length, bytes.length - length, null);
    return bytes.subarray(0, length);
  } catch (error) {
    throw unreadable(file, error);
  } finally {
    closeSync(descriptor);
  }
}

function opened(file: string): number {
  try {
    return openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    throw unreadable(file, error);
  }
}

function unreadable(file: string, error: unknown): SettingsFileError {
  return fileFault(file, `It cannot be read: ${messageOf(error)}.`);
}

function fileFault(file: string, fault: string): SettingsFileError {
  return new SettingsFileError(`${file}: ${fault}`);
}
