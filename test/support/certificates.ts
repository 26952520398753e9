// Certificates made in a test, each with a key of its own, in PEM: signed with it, for `localhost` and 127.0.0.1, or by an
// authority. It writes the few pieces of DER (X.690) that such a certificate (RFC 5280) has.

import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import type { TlsPair } from "../../src/certificate.ts";

/** @param name its subject's common name, to tell it from others */
export function makePair(name: string): TlsPair {
  const { publicKey, privateKey } = newKeys();
  const subject = {
    names: [name],
    addresses: [dnsName("localhost"), der(0x87, Buffer.from([127, 0, 0, 1]))],
  };
  return pairOf(certificateOf(subject, publicKey, { names: [name], privateKey }), privateKey);
}

export interface Subject {
  /** Common names. */
  readonly names: readonly string[];
  /** Alternative names. */
  readonly uris?: readonly string[];
  readonly hosts?: readonly string[];
  readonly hasExpired?: boolean;
  readonly isForServersOnly?: boolean;
}

export interface Authority {
  /** PEM. */
  readonly cert: Buffer;
  certify(subject: Subject): TlsPair;
}

export function makeAuthority(name: string): Authority {
  const { publicKey, privateKey } = newKeys();
  const issuer = { names: [name], privateKey };
  return {
    cert: pemOf(certificateOf({ names: [name], isAuthority: true }, publicKey, issuer)),
    certify({ uris = [], hosts = [], ...subject }) {
      const keys = newKeys();
      const addresses = [...hosts.map(dnsName), ...uris.map((uri) => der(0x86, Buffer.from(uri)))];
      return pairOf(certificateOf({ ...subject, addresses }, keys.publicKey, issuer), keys.privateKey);
    },
  };
}

interface Content {
  readonly names: readonly string[];
  readonly addresses?: readonly Buffer[];
  readonly hasExpired?: boolean;
  readonly isForServersOnly?: boolean;
  readonly isAuthority?: boolean;
}

interface Issuer {
  readonly names: readonly string[];
  readonly privateKey: KeyObject;
}

function certificateOf(content: Content, publicKey: KeyObject, issuer: Issuer): Buffer {
  const algorithm = sequence(oid(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02));
  const end = content.hasExpired ? "200102000000Z" : "491231235959Z";
  const extensions = extensionsOf(content);
  const body = sequence(
    der(0xa0, integer(2)),
    integer(1),
    algorithm,
    distinguishedName(issuer.names),
    sequence(utcTime("200101000000Z"), utcTime(end)),
    distinguishedName(content.names),
    publicKey.export({ type: "spki", format: "der" }),
    ...(extensions.length > 0 ? [der(0xa3, sequence(...extensions))] : []),
  );
  const signature = der(0x03, Buffer.from([0]), sign("sha256", body, issuer.privateKey));
  return sequence(body, algorithm, signature);
}

function extensionsOf({ addresses = [], isForServersOnly, isAuthority }: Content): Buffer[] {
  const basicConstraints = extension(0x13, sequence(der(0x01, Buffer.from([0xff]))));
  const forServers = extension(0x25, sequence(oid(0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01)));
  return [
    ...(isAuthority ? [basicConstraints] : []),
    ...(isForServersOnly ? [forServers] : []),
    ...(addresses.length > 0 ? [extension(0x11, sequence(...addresses))] : []),
  ];
}

function extension(number: number, content: Buffer): Buffer {
  return sequence(oid(0x55, 0x1d, number), der(0x04, content));
}

function distinguishedName(commonNames: readonly string[]): Buffer {
  const parts = commonNames.map((name) => set(sequence(oid(0x55, 0x04, 0x03), der(0x0c, Buffer.from(name)))));
  return sequence(...parts);
}

function dnsName(host: string): Buffer {
  return der(0x82, Buffer.from(host));
}

function newKeys() {
  return generateKeyPairSync("ec", { namedCurve: "prime256v1" });
}

function pairOf(certificate: Buffer, privateKey: KeyObject): TlsPair {
  return {
    cert: pemOf(certificate),
    key: Buffer.from(privateKey.export({ type: "pkcs8", format: "pem" })),
  };
}

function pemOf(certificate: Buffer): Buffer {
  const text = certificate.toString("base64").replaceAll(/.{1,64}/g, "$&\n");
  return Buffer.from(`-----BEGIN CERTIFICATE-----\n${text}-----END CERTIFICATE-----\n`);
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
