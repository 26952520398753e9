// The bounds that are part of the contract: a client may count on them wherever it goes, so they are no settings.
// GET /v1/limits names each of them, and so does the refusal of what passes one.

import { ticketMsMax, ticketsMax, ticketsPerCallerMax } from "../../access/tickets.ts";
import { nameLengthMax } from "../../core/coordination/coordination-syntax.ts";
import { portMax } from "../../core/coordination/instances.ts";
import { lockDelayMsMax, permitsMax } from "../../core/coordination/lock-settings.ts";
import { aclEntriesMax, aclIdLengthMax, fencesMax, ttlMsMax } from "../../core/limits.ts";
import { importedNumberMax, sequenceMax } from "../../core/tree/sequence.ts";
import { endedSessionsMax } from "../../sessions/ended-sessions.ts";
import { sessionNameLengthMax } from "../../sessions/openings.ts";
import { keepaliveTokensMax } from "../../sessions/sessions.ts";
import { watchPathsMax } from "../../watches/limits.ts";

export const fixedLimits = {
  ttlMsMax,
  fencesMax,
  watchPathsMax,
  ticketMsMax,
  ticketsPerCallerMax,
  ticketsMax,
  keepaliveTokensMax,
  endedSessionsMax,
  nameLengthMax,
  permitsMax,
  lockDelayMsMax,
  portMax,
  sequenceMax,
  importedNumberMax,
  aclEntriesMax,
  aclIdLengthMax,
  /** Identities that a request shows in Acl-Auth. */
  aclIdentitiesMax: 16,
  sessionNameLengthMax,
  /** Characters of the Session-Token header. */
  sessionTokenLengthMax: 255,
  /** Characters of a session's id in a URL. */
  sessionIdLengthMax: 255,
  /**
   * JSON values of one operation, rule or other item of a list that a body consists of, or of all of a body outside of such
   * lists; of one line of an import.
   */
  jsonItemValuesMax: 4096,
  /** Bytes of the same that stand in no string: numbers of so many digits, and blanks. */
  jsonItemBytesMax: 262_144,
  /** Bytes of the name of a member in JSON. */
  jsonNameBytesMax: 65_536,
  /** Entries in one page of a listing. */
  pageEntriesMax: 10_000,
  /** The entries of a page have no more bytes than this, however few they are; or it has one entry. */
  pageBytesMax: 1024 * 1024,
  /** An answer of which its client took nothing for so long is ended where others need the room. */
  answerStillMsMax: 5000,
  /** Bytes of a Location: proxies and clients refuse an answer for a longer one. The answer's body says the same. */
  locationBytesMax: 2048,
  /** Characters of a name to go on after, or of a prefix: no path may be set to be longer. */
  cursorLengthMax: 16_384,
  /** Levels below a znode that are asked for by number. */
  depthMax: 16_384,
  /** How long an answer is held back at most. */
  waitMsMax: 60_000,
  /** How long a request waits for the state it asks for. */
  stateWaitMsMax: 2000,
  /** Of a watch's bookmarks and heartbeats. */
  intervalMsMin: 100,
  intervalMsMax: 3_600_000,
  /** Of a request in HTTP/1.1: Node's parser takes no more. */
  headersMax: 1000,
  /** Characters of Accept and of Accept-Encoding. */
  listHeaderLengthMax: 4096,
  /** Bytes of a refused body that are still read, so that its sender gets to read the refusal. */
  refusedBodyBytesMax: 64 * 1024 * 1024,
  /** How long such a sender may go on. */
  refusedBodyMsMax: 30_000,
  /** How long it may pause. */
  refusedBodySilenceMsMax: 1000,
  /** Bytes of the extensions of one chunk of a body, which nobody uses; Node's own bound. */
  chunkExtensionBytesMax: 16_384,
  /**
   * Streams of HTTP/2 that a client may open and give up at once, and in a second from then on; then its session ends. Where it
   * gave them up with what they came with, its next connections wait until it may again.
   */
  streamResetsMax: 200,
  streamResetsPerSecondMax: 33,
  /** Connections beyond `connectionsMax` that are told so; for a further one the oldest silent one is closed. */
  surplusConnectionsMax: 256,
  /** Bytes a second that who takes a backup reads at least, after a time of grace: it has room of the server's disk meanwhile. */
  backupBytesPerSecondMin: 262_144,
  backupGraceMs: 60_000,
  /** Servers that read the log of this one at once. */
  logFollowersMax: 32,
  /** Clients whose rates are known; those who come beyond them share one. */
  rateClientsMax: 50_000,
} as const;

/** Names the limit behind `maximum`, `maxLength` or `maxItems` beside it, for readers and for the refusal. */
export function named(limit: keyof typeof fixedLimits): { "x-limit": string } {
  return { "x-limit": limit };
}
