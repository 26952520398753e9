// The log of the process: JSON lines on stdout, safe to be shown on a terminal, whatever strangers have put into them.

import { type Logger, pino, stdTimeFunctions } from "pino";
import { printable } from "../printable.ts";
import { LogSink, outletTo } from "./log-sink.ts";

/** What becomes of the log on stdout never becomes the service's trouble. */
export function openLog(level: string): Logger {
  const sink = new LogSink({
    // Asked for here, it is made one that does not block where it is a pipe or a socket.
    outlet: outletTo(process.stdout.fd),
    onGap: (gap) => logger.warn(gap, "the log could not be written for a while"),
  });
  const destination = {
    write: (line: string) => sink.write(printable(line)),
    flushSync: () => sink.flushSync(),
  };
  const base = { pid: process.pid };
  // In words: who reads it at night knows no numbers of levels.
  const formatters = { level: (label: string) => ({ level: label }) };
  const logger = pino({ level, base, formatters, timestamp: stdTimeFunctions.isoTime }, destination);
  process.once("exit", () => sink.flushSync());
  return logger;
}
