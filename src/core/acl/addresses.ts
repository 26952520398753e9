// Addresses and networks in an access control list: `10.0.0.0/8`, `2001:db8::/32`. One reading of each text only; what
// has two, as numbers with leading zeros have, is none. The two families never meet (A8).

const groupPattern = /^[0-9a-f]{1,4}$/i;
const octetPattern = /^(0|[1-9]\d{0,2})$/;
const bitsPattern = /^(0|[1-9]\d{0,2})$/;

interface Network {
  readonly bytes: readonly number[];
  readonly bits: number;
}

/** Whether the text is an address, or a network as an address and `/bits`. */
export function isNetwork(text: string): boolean {
  return networkOf(text) !== null;
}

/** @param network an address, or an address and `/bits`; what is neither has nobody in it */
export function isAddressIn(address: string, network: string): boolean {
  const bytes = bytesOfAddress(address);
  const within = networkOf(network);
  if (bytes === null || within === null || bytes.length !== within.bytes.length) return false;
  return bytes.every((byte, index) => {
    const bits = Math.min(8, Math.max(0, within.bits - index * 8));
    const mask = (0xff00 >> bits) & 0xff;
    return (byte & mask) === ((within.bytes[index] as number) & mask);
  });
}

function networkOf(text: string): Network | null {
  const slash = text.indexOf("/");
  const bytes = bytesOfAddress(slash === -1 ? text : text.slice(0, slash));
  if (bytes === null) return null;
  const bitsMax = bytes.length * 8;
  if (slash === -1) return { bytes, bits: bitsMax };
  const bitsText = text.slice(slash + 1);
  const bits = Number(bitsText);
  return bitsPattern.test(bitsText) && bits <= bitsMax ? { bytes, bits } : null;
}

/** Four bytes or sixteen; null for what is no address. An IPv4 address within IPv6 is none: it has a text of its own. */
function bytesOfAddress(text: string): readonly number[] | null {
  return text.includes(":") ? bytesOfIpv6(text) : bytesOfIpv4(text);
}

function bytesOfIpv4(text: string): readonly number[] | null {
  const octets = text.split(".");
  const isSound = octets.length === 4 && octets.every((one) => octetPattern.test(one) && Number(one) <= 255);
  return isSound ? octets.map(Number) : null;
}

const groupCount = 8;

function bytesOfIpv6(text: string): readonly number[] | null {
  const [left = "", right, ...more] = text.split("::");
  if (more.length > 0) return null;
  const [head, tail] = [groupsOf(left), groupsOf(right ?? "")];
  if (![...head, ...tail].every((group) => groupPattern.test(group))) return null;
  const missing = groupCount - head.length - tail.length;
  // Two colons stand for one group of zeros or more.
  if (right === undefined ? missing !== 0 : missing < 1) return null;
  const groups = [...head, ...Array<string>(missing).fill("0"), ...tail].map((group) =>
    Number.parseInt(group, 16),
  );
  return groups.flatMap((group) => [group >> 8, group & 0xff]);
}

function groupsOf(text: string): string[] {
  return text === "" ? [] : text.split(":");
}
