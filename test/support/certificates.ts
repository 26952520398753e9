// Certificates made in a test, each with a key of its own and signed with it: for `localhost` and 127.0.0.1, in PEM. It
// writes the few pieces of DER (X.690) that such a certificate (RFC 5280) has.

import { generateKeyPairSync, sign } from "node:crypto";
import type { TlsPair } from "../../src/certificate.ts";

/** @param name its subject's common name, to tell it from others */
export function makePair(name: string): TlsPair {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  const subject = sequence(set(sequence(oid(0x55, 0x04, 0x03), der(0x0c, Buffer.from(name)))));
  const algorithm = sequence(oid(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02));
  const validity = sequence(utcTime("200101000000Z"), utcTime("491231235959Z"));
  const key = publicKey.export({ type: "spki", format: "der" });
  const body = sequence(
    der(0xa0, integer(2)),
    integer(1),
    ...[algorithm, subject, validity, subject, key],
    der(0xa3, sequence(alternativeNames())),
  );
  const signature = der(0x03, Buffer.from([0]), sign("sha256", body, privateKey));
  const text = sequence(body, algorithm, signature).toString("base64").replaceAll(/.{64}/g, "$&\n");
  return {
    cert: Buffer.from(`-----BEGIN CERTIFICATE-----\n${text}\n-----END CERTIFICATE-----\n`),
    key: Buffer.from(privateKey.export({ type: "pkcs8", format: "pem" })),
  };
}

function alternativeNames(): Buffer {
  const names = sequence(der(0x82, Buffer.from("localhost")), der(0x87, Buffer.from([127, 0, 0, 1])));
  return sequence(oid(0x55, 0x1d, 0x11), der(0x04, names));
}

function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return der(0x30, ...parts);
}

function set(...parts: readonly Buffer[]): Buffer {
  return der(0x31, ...parts);
}

function oid(...bytes: readonly number[]): Buffer {
  return der(0x06, Buffer.from(bytes));
}

function integer(value: number): Buffer {
  return der(0x02, Buffer.from([value]));
}

function utcTime(text: string): Buffer {
  return der(0x17, Buffer.from(text));
}
