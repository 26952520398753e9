// Where a request comes from, as far as one client can choose it: of an IPv6 address the network, since whoever has one
// address of it has them all; of a machine's own addresses one name for all.

import { isIPv4, isIPv6 } from "node:net";

const ipv6GroupCount = 8;
const networkGroups = 4;

export function clientNetworkOf(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, "").replace(/%.*$/, "");
  if (plain === "::1" || (isIPv4(plain) && plain.startsWith("127."))) return "local";
  return isIPv6(plain) ? `${groupsOf(plain).slice(0, networkGroups).join(":")}::` : plain;
}

/** Eight groups without leading zeros, whichever way the address is written. */
function groupsOf(address: string): string[] {
  const [left = "", right] = address.split("::");
  const head = left === "" ? [] : left.split(":");
  const tail = right === undefined || right === "" ? [] : right.split(":");
  const missing = ipv6GroupCount - head.length - tail.length;
  const zeros = right === undefined ? [] : Array<string>(Math.max(0, missing)).fill("0");
  return [...head, ...zeros, ...tail].map((group) => group.toLowerCase().replace(/^0+(?=.)/, ""));
}
