// TLS client certificates as identities: who shows one that an authority of ours certified is the one it names. Who shows
// none, or another, is nobody by it, and may still have a token. The handshake proves that a client has the key.

import { constants, type X509Certificate } from "node:crypto";
import type { Socket } from "node:net";
import type { TLSSocket, TlsOptions } from "node:tls";
import { type Identity, isIdentityName } from "./identity.ts";

/** What Node's TLS is told, for certificates by these authorities. @param ca none when clients are not asked for one */
export function clientCertificateOptions(ca: Buffer | undefined): TlsOptions {
  if (ca === undefined) return {};
  return {
    ca,
    requestCert: true,
    rejectUnauthorized: false,
    // A second handshake on a connection would show another certificate than the one that was looked at.
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
  };
}

const known = new WeakMap<Socket, Identity | null>();

/**
 * Whom the certificate of a connection names, found out once for each. It may have expired since: that is for
 * `validUntilMs` to say.
 *
 * @param socket after the handshake; with HTTP/2 that of the session, since each of its requests has another
 */
export function identityOfPeer(socket: Socket): Identity | null {
  let identity = known.get(socket);
  if (identity === undefined) {
    identity = isTls(socket) ? identityOf(socket) : null;
    known.set(socket, identity);
  }
  return identity;
}

/** The socket of an HTTP/2 session is a stand-in and of no class of Node's. */
function isTls(socket: Socket): socket is TLSSocket {
  return (socket as TLSSocket).encrypted === true;
}

function identityOf(socket: TLSSocket): Identity | null {
  if (!socket.authorized) return null;
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return null;
  const name = nameIn(certificate);
  const validUntilMs = certificate.validToDate.getTime();
  return name === null ? null : { id: `cert:${name}`, policies: null, root: "/", validUntilMs };
}

/**
 * The first URI among its alternative names, as SPIFFE has it; otherwise its subject's one common name, which cannot look
 * like a URI: authorities that let anyone choose a common name are strict about URIs.
 */
function nameIn(certificate: X509Certificate): string | null {
  const uri = firstUriIn(certificate.subjectAltName ?? "");
  const name = uri ?? certificate.toLegacyObject().subject?.CN;
  if (!isIdentityName(name) || (uri === null && name.includes("://"))) return null;
  return name;
}

/** Node quotes what could be taken for more names than there are; whatever that is, it is no name of a client. */
function firstUriIn(names: string): string | null {
  if (names.includes('"')) return "";
  const uri = names.split(", ").find((name) => name.startsWith("URI:"));
  return uri === undefined ? null : uri.slice("URI:".length);
}
