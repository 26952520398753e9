// Tests of the API, of watches, coordination, sessions, the client and the command line that are about a service without
// access control, or ask in a way that shows no token. All others run a second time with access control on
// (vitest.config.ts).

import type { Reasons } from "../support/left-out.ts";

const byPast = "counts transactions from the first, and those that made the token went before";
const byHand = "asks by a connection of its own making, on which nothing shows a token";
const bySelf = "says itself who has a token and who has none";
const byAddress = "knows clients behind one proxy by their addresses; who shows a token is known by it";
const noList = "no list of a znode keeps an admin out, or its hashes from them (A10)";
const noCauses = "reads the causes at /readyz, which tells nobody any where access control is on";
const ownStore = "makes a store that knows nobody, whom its watcher would be";
const saysWho = "says whom nobody knows; with access control on, it says who it was";

export const aboutOtherCallers: Reasons = {
  "routes/backup.test.ts only an admin": bySelf,
  "routes/codes.test.ts unauthenticated": bySelf,
  "routes/browser.test.ts with TLS on, many streams": byPast,
  "routes/browser.test.ts with TLS on, a client that speaks HTTP/1.1": byHand,
  "routes/connection-share.test.ts what one client asks at length": byHand,
  "routes/health.test.ts a disk that hangs": noCauses,
  "routes/health.test.ts a log without room": noCauses,
  "routes/taken-back.test.ts what is taken back": byHand,
  "routes/trusted-proxies.test.ts each client has a rate": byAddress,
  "routes/trusted-proxies.test.ts an access control list of addresses": noList,
  "routes/trusted-proxies.test.ts the connections of a proxy": byAddress,
  "routes/trusted-proxies.test.ts a connection of a proxy waits": byAddress,
  "watches/listed.test.ts ": noList,
  "watches/restart.test.ts after a restart": ownStore,
  "watches/restart.test.ts what only the log still has": ownStore,
  "watches/watches.test.ts a change carries": saysWho,
  "watches/watches.test.ts the fields of a message": saysWho,
  "coordination/places.test.ts over HTTP/2 too": byPast,
  "sessions/sessions.test.ts ": "asks for sessions in nobody's name; over HTTP each has an owner",
  "sessions/ended.test.ts of one that expired": saysWho,
  "sessions/ended.test.ts of one that was closed": saysWho,
  "client/against-server.test.ts a watch tells": byPast,
  "client/against-server.test.ts a watch that resumes": byPast,
  "client/against-server.test.ts a planned stop": byPast,
  "client/against-server.test.ts over kill -9": byPast,
  "client/document.test.ts the examples": "runs the document's examples, which give the client no token",
  "client/long-paths.test.ts what has the longest path": byPast,
  "client/znodes.test.ts a znode is made": byPast,
  "client/znodes.test.ts a transaction is done": byPast,
  "client/znodes.test.ts lists are set": byPast,
  "client/znodes.test.ts the bounds in force": byPast,
  "conformance/acl.test.ts only who has admin": noList,
  "conformance/acl.test.ts an address counts": noList,
  "conformance/acl.test.ts a transaction and a batch": noList,
  "conformance/acl.test.ts an export has the lists": noList,
  "conformance/acl.test.ts who is in no entry": noList,
  "cli/access.test.ts the token comes from": bySelf,
  "cli/commands.test.ts znodes > setacl": noList,
  "cli/commands.test.ts znodes > watch tells": byPast,
  "cli/document.test.ts ":
    "asks under locks as well, where commands are given no token unless it is passed on",
  "cli/surroundings.test.ts a command that is run while something is held > has its own fence":
    "asks under a lock as well, where a command is given no token unless it is passed on",
  "cli/security-document.test.ts ": bySelf,
  "cli/status.test.ts who has no token": bySelf,
  "cli/status.test.ts session ended": saysWho,
  "cli/words.test.ts a variable that is set to nothing": bySelf,
};
