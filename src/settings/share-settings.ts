// Settings of what all clients share, and of what one of them may have of it.

import { setting } from "./setting.ts";
import { integer } from "./setting-values.ts";

export const shareSettings = {
  connectionsMax: setting(
    "connections-max",
    30_000,
    integer(1),
    "connections served; beyond it, only keepalives, closes of sessions and health probes",
  ),
  connectionsPerClientMax: setting(
    "connections-per-client-max",
    0,
    integer(0),
    "of these, one client's (by network address); 0 is three quarters",
  ),
  requestsPerConnectionMax: setting(
    "requests-per-connection-max",
    128,
    integer(1),
    "requests under way on one connection; pipelined ones wait, and HTTP/2 gets this many streams",
  ),
  waitsPerConnectionMax: setting(
    "waits-per-connection-max",
    100,
    integer(1),
    "streams, long polls and waiting claims on one connection before 429",
  ),
  waitsPerClientMax: setting(
    "waits-per-client-max",
    0,
    integer(0),
    "long polls and waiting claims of one client; 0 is three quarters of --claim-waiters-max",
  ),
  streamsPerClientMax: setting(
    "streams-per-client-max",
    0,
    integer(0),
    "streams of any kind of one client; 0 is three quarters of --streams-max",
  ),
  sessionsPerClientMax: setting(
    "sessions-per-client-max",
    50_000,
    integer(1),
    "sessions of one client, of those opened since the start",
  ),
  ratePerSecond: setting(
    "rate-per-second",
    0,
    integer(0, 1_000_000),
    "what one client may ask for in a second, a read being 1 and a write 2; 0 is no bound",
  ),
  rateBurst: setting(
    "rate-burst",
    0,
    integer(0, 10_000_000),
    "what it may ask for at once when it has rested; 0 is twice --rate-per-second",
  ),
} as const;
