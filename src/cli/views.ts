// How znodes and sessions look as text and as JSON. JSON is what the service itself says; text is for people, and what
// is in it cannot disturb a terminal.

import type { ListedZnode, Stat, ZnodeData, ZnodeEvent } from "../client/index.ts";
import { quotedLine } from "../printable.ts";

/** Data as the service puts it in JSON: text where it is text, base64 where it is not. */
export function dataJson(data: ZnodeData | undefined): { data?: string; dataBase64?: string } {
  if (data === undefined) return {};
  return data.isText ? { data: data.text() } : { dataBase64: Buffer.from(data.bytes()).toString("base64") };
}

export function znodeJson({ data, ...rest }: ListedZnode): object {
  const { path, ...others } = rest;
  return { path, ...dataJson(data), ...others };
}

export function eventJson({ type, ...znode }: ZnodeEvent): object {
  return { type, ...znodeJson(znode) };
}

const shownCharactersMax = 200;

/** The beginning of the data, in one line. */
export function dataInLine(data: ZnodeData): string {
  if (!data.isText) return `(${data.bytes().byteLength} bytes)`;
  const text = quotedLine(data.text());
  return text.length > shownCharactersMax ? `${text.slice(0, shownCharactersMax)}…` : text;
}

export function statRows(stat: Stat): [string, unknown][] {
  return Object.entries(stat).map(([name, value]) => [
    name,
    name.endsWith("timeMs") ? timeText(value) : value,
  ]);
}

function timeText(timeMs: unknown): string {
  return `${timeMs}  ${new Date(Number(timeMs)).toISOString()}`;
}
