// PEM (RFC 7468) by its blocks: a file may have several, with text between them.

interface PemBlock {
  /** Such as `CERTIFICATE` or `PUBLIC KEY`. */
  readonly label: string;
  readonly text: string;
}

/** @throws Error when a block has a secret, or is cut off: whatever stands behind it might be left out as well */
export function publicPemBlocksIn(text: string): PemBlock[] {
  if (/-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----/.test(text))
    throw new Error("it has a private key, which does not belong there");
  const matches = text.matchAll(/-----BEGIN ([A-Z0-9 ]+)-----[^-]*-----END \1-----/g);
  const blocks = Array.from(matches, ([block, label]) => ({ label: label as string, text: block }));
  if (blocks.length !== text.split("-----BEGIN ").length - 1) throw new Error("a PEM block in it is broken");
  return blocks;
}
