// The kinds of values that settings have, as they are written: each function reads one, or says in a sentence what it takes.

import { InvalidArgumentError } from "commander";
import { isNetwork } from "../core/acl/addresses.ts";

const byteUnits: Record<string, number> = { "": 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 };

export function integer(min: number, max: number = Number.MAX_SAFE_INTEGER) {
  return (text: string): number => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It is a whole number from ${min} to ${max}.`);
  };
}

/** A number of bytes: `1048576`, `1MiB`. */
export function byteCount(min: number, max = Number.MAX_SAFE_INTEGER) {
  return (text: string): number => {
    const [, count, unit] = /^(\d+)(KiB|MiB|GiB)?$/.exec(text) ?? [];
    const bytes = Number(count) * (byteUnits[unit ?? ""] as number);
    if (Number.isSafeInteger(bytes) && bytes >= min && bytes <= max) return bytes;
    const most = max === Number.MAX_SAFE_INTEGER ? "" : ` and at most ${max}`;
    throw new InvalidArgumentError(
      `It is a number of bytes, at least ${min}${most}, for example 1048576 or 1MiB.`,
    );
  };
}

export function oneOf<const Value extends string>(values: readonly Value[]) {
  return (text: string): Value => {
    const value = values.find((candidate) => candidate === text);
    if (value !== undefined) return value;
    throw new InvalidArgumentError(`It is one of ${values.join(", ")}.`);
  };
}

/** A file's name, a list, or nothing: what uses it says what is wrong with it. */
export function anyText(text: string): string {
  return text;
}

export function word(text: string): string {
  if (text !== "") return text;
  throw new InvalidArgumentError("It may not be empty.");
}

/** Names as a client writes them: neither scheme nor port. */
export function hostNames(text: string): string {
  const names = text.split(",").map((name) => name.trim());
  if (text === "" || names.every((name) => /^(\*|\.?[\w-]+(\.[\w-]+)*)$/.test(name))) return names.join(",");
  throw new InvalidArgumentError(
    "Give names such as tree.example, or .example for all below it, comma-separated, or *; leave out ports.",
  );
}

/** A larger one would be no list of proxies but everybody, whose word then counted. */
const proxyNetworkBitsMin = 8;

/** Proxies, by address or network; never all addresses there are. */
export function proxies(text: string): string {
  const networks = text.split(",").map((network) => network.trim());
  const isFew = (network: string) => Number(network.split("/")[1] ?? "128") >= proxyNetworkBitsMin;
  if (text === "" || networks.every((network) => isNetwork(network) && isFew(network)))
    return networks.join(",");
  throw new InvalidArgumentError(
    "Give the addresses of your proxies, or networks of at least /8 such as 10.1.2.0/24, comma-separated.",
  );
}

/** Of members of a cluster. */
export function urls(text: string): string {
  const all = text.split(",").map((url) => url.trim());
  if (text === "" || all.every((url) => /^https?:\/\/[^/?#@\s]+\/?$/.test(url) && URL.canParse(url)))
    return all.join(",");
  throw new InvalidArgumentError("Give http:// or https:// addresses with ports, comma-separated.");
}

export function url(text: string): string {
  if (!text.includes(",")) return urls(text);
  throw new InvalidArgumentError("Give one address.");
}

export function etcdPrefix(text: string): string {
  if (/^\/([\w.-]+\/)+$/.test(text)) return text;
  throw new InvalidArgumentError("It begins and ends with a slash, such as /treekeeper/.");
}

/** Of a restore; empty for none. */
export function restoreName(text: string): string {
  if (/^[\w.:-]{0,64}$/.test(text)) return text;
  throw new InvalidArgumentError("It has up to 64 letters, digits and . : - _, such as 2026-11-28.");
}

export function yesOrNo(text: string): boolean {
  return oneOf(["true", "false"])(text) === "true";
}
