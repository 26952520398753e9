// A real proxy with the configuration of `ops/`, in which nothing is changed but where it listens, where the service is, its
// certificate and how long it waits.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { TlsPair } from "../../src/certificate.ts";
import { projectFolder } from "../support/markdown.ts";
import { freePort } from "../support/ports.ts";

export type ProxyKind = "nginx" | "HAProxy";

interface ProxyOptions {
  /** Of the service. */
  readonly port: string;
  readonly folder: string;
  readonly tls: TlsPair;
  /** How long it waits for either side. */
  readonly timeoutMs: number;
}

interface Setup extends ProxyOptions {
  readonly plainPort: string;
  readonly tlsPort: string;
}

const pollMs = 20;

/** Whatever still runs when the tests end, ends with them. */
const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

export class ProxyProcess {
  /** Without TLS, which the tests alone listen for. */
  readonly url: string;
  readonly tlsUrl: string;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, { plainPort, tlsPort }: Setup) {
    this.#child = child;
    this.url = `http://127.0.0.1:${plainPort}`;
    this.tlsUrl = `https://127.0.0.1:${tlsPort}`;
  }

  /** Resolves when it listens. @throws Error with what it said when it ends instead */
  static async start(kind: ProxyKind, options: ProxyOptions): Promise<ProxyProcess> {
    const setup = { ...options, plainPort: await freePort(), tlsPort: await freePort() };
    const [program, ...args] = kind === "nginx" ? nginx(setup) : haproxy(setup);
    const child = spawn(program, args, { stdio: ["ignore", "ignore", "pipe"] });
    running.add(child);
    let said = "";
    child.stderr?.setEncoding("utf8").on("data", (text) => {
      said += text;
    });
    const ended = once(child, "close").then(() => {
      running.delete(child);
      throw new Error(`${kind} ended: ${said}`);
    });
    ended.catch(() => {});
    await Promise.race([ended, listening(Number(setup.plainPort))]);
    return new ProxyProcess(child, setup);
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    this.#child.kill("SIGTERM");
    await once(this.#child, "close");
  }
}

async function listening(port: number): Promise<void> {
  for (;;) {
    const socket = connect({ host: "127.0.0.1", port });
    const isOpen = await once(socket, "connect").then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (isOpen) return;
    await pause(pollMs);
  }
}

type Command = readonly [string, ...string[]];

/** The file is what stands in a folder that nginx includes: what is around it is made here. */
function nginx(setup: Setup): Command {
  const { folder, port, plainPort, tlsPort, timeoutMs } = setup;
  const [cert, key] = writePair(setup);
  const site = edited("ops/nginx.conf", [
    ["127.0.0.1:2281", `127.0.0.1:${port}`],
    ["listen 443 ssl http2;", `listen 127.0.0.1:${plainPort}; listen 127.0.0.1:${tlsPort} ssl http2;`],
    ["/etc/ssl/tree.example.crt", cert],
    ["/etc/ssl/private/tree.example.key", key],
    ["proxy_read_timeout 75s", `proxy_read_timeout ${timeoutMs}ms`],
    ["proxy_send_timeout 75s", `proxy_send_timeout ${timeoutMs}ms`],
  ]);
  writeFileSync(join(folder, "site.conf"), site);
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (name) => `${name}_temp_path ${join(folder, name)};`,
  );
  const main = [
    ...[process.getuid?.() === 0 ? "user root;" : "", "daemon off;", `pid ${join(folder, "nginx.pid")};`],
    ...["worker_processes 1;", "error_log stderr;", "events { worker_connections 512; }"],
    `http { access_log off; ${temporary.join(" ")} include ${join(folder, "site.conf")}; }`,
  ];
  writeFileSync(join(folder, "nginx.conf"), main.join("\n"));
  return ["nginx", "-e", "stderr", "-p", folder, "-c", join(folder, "nginx.conf")];
}

function haproxy(setup: Setup): Command {
  const { folder, port, plainPort, tlsPort, timeoutMs } = setup;
  const [, , both] = writePair(setup);
  const text = edited("ops/haproxy.cfg", [
    ["server one 127.0.0.1:2281", `server one 127.0.0.1:${port}`],
    ["bind :443 ssl", `bind 127.0.0.1:${plainPort}\n  bind 127.0.0.1:${tlsPort} ssl`],
    ["/etc/ssl/private/tree.example.pem", both],
    ["timeout client 75s", `timeout client ${timeoutMs}ms`],
    ["timeout server 75s", `timeout server ${timeoutMs}ms`],
  ]);
  writeFileSync(join(folder, "haproxy.cfg"), text);
  return ["haproxy", "-db", "-f", join(folder, "haproxy.cfg")];
}

function writePair({ folder, tls }: Setup): [string, string, string] {
  const [cert, key, both] = [join(folder, "tls.crt"), join(folder, "tls.key"), join(folder, "tls.pem")];
  writeFileSync(cert, tls.cert);
  writeFileSync(key, tls.key);
  writeFileSync(both, `${tls.cert}\n${tls.key}`);
  return [cert, key, both];
}

/** What is changed has to be there, once: else it is another configuration that is tested. */
function edited(file: string, changes: readonly (readonly [string, string])[]): string {
  let text = readFileSync(join(projectFolder, file), "utf8");
  for (const [from, to] of changes) {
    if (text.split(from).length !== 2) throw new Error(`${file} has not one "${from}"`);
    text = text.replace(from, () => to);
  }
  return text;
}
