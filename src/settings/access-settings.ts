// Settings of who is let in: TLS, identities of an issuer outside, pages of other origins, names and proxies.

import { setting } from "./setting.ts";
import { anyText, hostNames, proxies, yesOrNo } from "./setting-values.ts";

export const accessSettings = {
  tlsCert: setting("tls-cert", "", anyText, "file with the TLS certificate chain (PEM); enables HTTP/2"),
  tlsKey: setting("tls-key", "", anyText, "file with the certificate's private key (PEM)"),
  tlsClientCa: setting(
    "tls-client-ca",
    "",
    anyText,
    "file with certificates of the authorities (PEM) whose TLS client certificates are identities",
  ),
  jwtKeys: setting(
    "jwt-keys",
    "",
    anyText,
    "file with public keys (PEM, JWK or JWKS) that sign tokens of an issuer outside",
  ),
  jwtIssuer: setting("jwt-issuer", "", anyText, "issuer (iss) that these tokens must have"),
  jwtAudience: setting("jwt-audience", "", anyText, "audience (aud) that these tokens must have"),
  insecure: setting(
    "insecure",
    false,
    yesOrNo,
    "let others in without access control or without TLS; each start warns of it",
  ),
  corsOrigin: setting(
    "cors-origin",
    "",
    anyText,
    "origins whose pages may use the service, comma-separated, or *; none when empty",
  ),
  allowedHosts: setting(
    "allowed-hosts",
    "",
    hostNames,
    "host names that clients may use besides addresses, localhost and --host, comma-separated; .example.com allows all below it, * any",
  ),
  trustProxy: setting(
    "trust-proxy",
    "",
    proxies,
    "addresses and networks of proxies, comma-separated, whose X-Forwarded-For says where requests come from; none when empty",
  ),
} as const;
