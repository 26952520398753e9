// Whether a program that was started does what it is there for: whether its port takes a connection, a URL answers, or
// a command of its user's says so. Asked again and again until it does.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { setTimeout as pause } from "node:timers/promises";

/** Resolves when it does; rejects, saying why, while it does not. */
type Check = (signal: AbortSignal) => Promise<void>;

interface Listening {
  readonly address: string;
  readonly port: number;
}

const pauseMs = 250;
/** A check that takes longer has failed. */
const checkWithinMs = 5000;

/** @param text `tcp`, `tcp://HOST:PORT`, a URL of http or https, else a command for a shell */
export function checkOf(text: string, { address, port }: Listening): Check {
  if (text === "tcp") return (signal) => takesConnections(address, port, signal);
  const tcp = /^tcp:\/\/(.+):(\d+)$/.exec(text);
  if (tcp !== null) {
    const [, host = "", tcpPort] = tcp;
    return (signal) => takesConnections(host.replace(/^\[(.*)\]$/, "$1"), Number(tcpPort), signal);
  }
  return /^https?:\/\//.test(text) ? (signal) => answers(text, signal) : (signal) => ends(text, signal);
}

/** Resolves when the check has passed. @param failed is told each time why not */
export async function passed(
  check: Check,
  ending: AbortSignal,
  failed: (reason: string) => void,
): Promise<void> {
  while (true) {
    try {
      await check(AbortSignal.any([ending, AbortSignal.timeout(checkWithinMs)]));
      return;
    } catch (error) {
      ending.throwIfAborted();
      failed(error instanceof Error ? error.message : String(error));
    }
    await pause(pauseMs, undefined, { signal: ending });
  }
}

async function takesConnections(host: string, port: number, signal: AbortSignal): Promise<void> {
  const socket = connect({ host, port });
  try {
    await once(socket, "connect", { signal });
  } finally {
    socket.destroy();
  }
}

async function answers(url: string, signal: AbortSignal): Promise<void> {
  const response = await fetch(url, { signal, redirect: "manual" });
  await response.body?.cancel();
  if (response.status >= 400) throw new Error(`${url} answers ${response.status}`);
}

async function ends(command: string, signal: AbortSignal): Promise<void> {
  const child = spawn("sh", ["-c", command], { stdio: "ignore", signal, killSignal: "SIGKILL" });
  const [code] = await once(child, "exit");
  if (code !== 0) throw new Error(`${command} ends with ${code ?? "a signal"}`);
}
