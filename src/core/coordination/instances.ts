// An instance of a service as its znode holds it: JSON that anyone may read, and write by hand. What says at least
// where it is to be reached is an instance; anything else is none, so whoever is told of one can use it.

import type { Reader } from "../reader.ts";
import { baseName, parentPath } from "../tree/path.ts";
import type { Znode } from "../tree/znode.ts";
import { servicesPath } from "./parts.ts";

export const instanceStates = ["up", "draining", "disabled"] as const;
export type InstanceState = (typeof instanceStates)[number];

export interface Instance {
  readonly address: string;
  readonly port: number;
  readonly metadata: Readonly<Record<string, string>>;
  readonly tags: readonly string[];
  /** Its share of the work beside the others. */
  readonly weight: number;
  readonly zone: string;
  readonly state: InstanceState;
}

export const portMax = 65_535;

export function servicePath(name: string): string {
  return `${servicesPath}/${name}`;
}

export function instancePath(service: string, id: string): string {
  return `${servicePath(service)}/${id}`;
}

/** Whether an instance can be there. @param path as recipes name it */
export function isInstancePath(path: string): boolean {
  return path.startsWith(`${servicesPath}/`) && parentPath(parentPath(path)) === servicesPath;
}

/** Null when the data is no instance. */
export function parseInstance(data: Uint8Array): Instance | null {
  try {
    return instanceIn(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(data));
  } catch {
    return null;
  }
}

/** What cannot be read of the rest counts as not said. @param text JSON, or anything else */
export function instanceIn(text: string): Instance | null {
  const { address, port, metadata, tags, weight, zone, state } = membersIn(text);
  if (typeof address !== "string" || address === "" || !isPort(port)) return null;
  return {
    ...{ address, port },
    metadata: textsOf(metadata),
    tags: Array.isArray(tags) ? [...new Set(tags)].filter((tag) => typeof tag === "string") : [],
    weight: isWeight(weight) ? weight : 1,
    zone: typeof zone === "string" ? zone : "",
    state: instanceStates.find((known) => known === state) ?? "up",
  };
}

function membersIn(text: string): Record<string, unknown> {
  try {
    return Object(JSON.parse(text)) as Record<string, unknown>;
  } catch {
    return {};
  }
}

function isPort(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 1 && (value as number) <= portMax;
}

function isWeight(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** Those of the members that are text, in one order whoever wrote them down. */
function textsOf(metadata: unknown): Record<string, string> {
  const entries = Object.entries(Object(metadata)) as [string, unknown][];
  const texts = entries.filter((entry): entry is [string, string] => typeof entry[1] === "string");
  return Object.fromEntries(texts.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** One instance is always the same text: its members in one order, none left out. */
export function formatInstance(instance: Instance): Uint8Array {
  const { address, port, metadata, tags, weight, zone, state } = instance;
  const members = { address, port, metadata: textsOf(metadata), tags, weight, zone, state };
  return new TextEncoder().encode(JSON.stringify(members));
}

/** The text of an instance with some members put in its place (RFC 7396): null takes one away. */
export function mergedText(instance: Instance, changes: Readonly<Record<string, unknown>>): string {
  const { metadata } = changes;
  const isMerged = typeof metadata === "object" && metadata !== null;
  return JSON.stringify({
    ...instance,
    ...changes,
    ...(isMerged && { metadata: withoutNulls({ ...instance.metadata, ...metadata }) }),
  });
}

function withoutNulls(members: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== null));
}

/** Which instances are meant: those that are all of it. */
export interface InstanceFilter {
  readonly tags: readonly string[];
  readonly metadata: readonly (readonly [name: string, value: string])[];
  readonly state?: InstanceState;
  readonly zone?: string;
}

export function fits(instance: Instance, { tags, metadata, state, zone }: InstanceFilter): boolean {
  if (state !== undefined && instance.state !== state) return false;
  if (zone !== undefined && instance.zone !== zone) return false;
  if (!tags.every((tag) => instance.tags.includes(tag))) return false;
  return metadata.every(
    ([name, value]) => Object.hasOwn(instance.metadata, name) && instance.metadata[name] === value,
  );
}

/** An instance as people and programs are shown it. */
export interface InstanceView extends Instance {
  /** The name of its znode. */
  readonly id: string;
  readonly path: string;
  /** Of this registration: another one of the same id has a greater one. */
  readonly fence: number;
  /** Id of its session; null for a znode that was made by hand and has none. */
  readonly session: string | null;
}

type Placed = Pick<Znode, "path" | "czxid" | "ephemeralOwner">;

export function instanceViewOf({ path, czxid, ephemeralOwner }: Placed, instance: Instance): InstanceView {
  return { id: baseName(path), path, fence: czxid, session: ephemeralOwner, ...instance };
}

/** Null when the znode is no instance. */
export function instanceAt(znode: Znode | undefined): InstanceView | null {
  const instance = znode === undefined ? null : parseInstance(znode.data);
  return znode === undefined || instance === null ? null : instanceViewOf(znode, instance);
}

/** An instance in a few words. */
export interface Registered {
  readonly id: string;
  readonly service: string;
  readonly path: string;
  readonly fence: number;
  readonly state: InstanceState;
}

/** Those of the znodes that are instances. */
export function registeredAt(reader: Reader, paths: readonly string[]): Registered[] {
  const isInstance = (path: string) => reader.keeps(path, isInstancePath);
  return paths.filter(isInstance).flatMap((path): Registered[] => {
    const view = instanceAt(reader.get(path));
    if (view === null) return [];
    const { id, fence, state } = view;
    return [{ id, service: baseName(parentPath(path)), path, fence, state }];
  });
}
