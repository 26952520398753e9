// The unit, by the lines of docs/deploy.md on a machine of its own: what they install is started as the unit says, within as
// much of its sandbox as can be made without systemd. What cannot be made is compared: every system call and every family of
// sockets of a run with those that the unit allows.

import { execFile, execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, expect, test as plainTest } from "vitest";
import { makePair } from "../support/certificates.ts";
import { processInside } from "../support/container.ts";
import { codeBlocksOf, projectFolder, readDocument } from "../support/markdown.ts";
import {
  hasMachines,
  Machine,
  type Mount,
  makeFolder,
  needMachines,
  removeFolder,
  runThere,
} from "./machine.ts";
import { unitLines, variablesIn } from "./manifests.ts";
import { need } from "./tools.ts";

const unitFile = join(projectFolder, "ops/treekeeper.service");
const exposureMax = 2.5;
const path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const state = "/var/lib/treekeeper";
const unit = unitLines();
const folder = makeFolder();
/** What the machine has that this one has not. */
const written = join(folder, "written");
const checkout = join(folder, "checkout");
const machines: Machine[] = [];
const [install = "", open = ""] = codeBlocksOf(readDocument("docs/deploy.md"))
  .filter(({ heading }) => heading === "systemd")
  .map(({ code }) => code);

const [backups = "", restoring = ""] = ["install -d", "systemctl stop"].map(
  (begin) =>
    codeBlocksOf(readDocument("docs/backup.md")).find(({ code }) => code.startsWith(begin))?.code ?? "",
);

beforeAll(async () => {
  if (!hasMachines) return;
  mkdirSync(join(written, "usr/local/sbin"), { recursive: true });
  mkdirSync(join(checkout, "ops"), { recursive: true });
  const calls = "/var/log/systemctl.log";
  const systemctl = `#!/bin/sh\necho "$@" >> ${calls}\n`;
  writeFileSync(join(written, "usr/local/sbin/systemctl"), systemctl, { mode: 0o755 });
  for (const name of readdirSync(join(projectFolder, "ops")))
    copyFileSync(join(projectFolder, "ops", name), join(checkout, "ops", name));
  pack();
  await onMachine(install);
  expect(readFileSync(join(written, calls), "utf8")).toBe("daemon-reload\nenable --now treekeeper\n");
});
afterEach(async () => {
  for (const machine of machines.splice(0)) await machine.kill();
});
afterAll(() => removeFolder(folder));

function pack(): void {
  try {
    execFileSync("npm", ["pack", "--pack-destination", checkout], { cwd: projectFolder, stdio: "pipe" });
  } finally {
    // A packing that failed leaves the package's manifest behind.
    execFileSync(process.execPath, ["scripts/package.ts", "restore"], { cwd: projectFolder });
  }
}

/** By root's shell, in the checkout. */
async function onMachine(script: string): Promise<string> {
  const names = ["HOME", "http_proxy", "https_proxy", "NODE_EXTRA_CA_CERTS"];
  const env = Object.fromEntries(
    names.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])),
  );
  return await runThere({
    files: { written },
    mounts: [{ from: checkout, to: "/mnt" }],
    env: { ...env, PATH: path },
    workdir: "/mnt",
    command: ["bash", "-euc", script],
  });
}

const test = plainTest.extend<{ machine: undefined }>({
  machine: [
    async ({ skip }, use) => {
      needMachines(skip);
      await use(undefined);
    },
    { auto: true },
  ],
});

/** As the unit has it; `before` is put before the command. */
async function startUnit(before: readonly string[] = []): Promise<Machine> {
  const one = (name: string) => String(unit.get(name)?.[0]);
  const ids = await onMachine(`id -u ${one("User")}; id -g ${one("Group")}`);
  const user = ids.trim().replace("\n", ":");
  await onMachine(`install -d -o ${one("User")} -g ${one("Group")} -m ${one("StateDirectoryMode")} ${state}`);
  const file = readFileSync(join(written, one("EnvironmentFile").replace(/^-/, "")), "utf8");
  const extra = String(unit.get("ReadWritePaths")?.[0] ?? "")
    .replace(/^-/, "")
    .split(" ");
  const paths = [state, ...extra].filter((place) => place !== "" && existsSync(join(written, place)));
  const writable = paths.map((place): Mount => ({ from: join(written, place), to: place }));
  const machine = new Machine({
    // ProtectSystem=strict
    files: { written, isReadOnly: true },
    mounts: writable,
    procOptions: "subset=pid,hidepid=invisible",
    ...{ user, workdir: one("WorkingDirectory") },
    env: { PATH: path, ...variablesIn(one("Environment")), ...variablesIn(file) },
    command: [...before, ...one("ExecStart").split(" ")],
  });
  machines.push(machine);
  return machine;
}

test("systemd finds no fault in the unit, where it is installed", async ({ skip }) => {
  need("systemd-analyze", skip);
  const said = await onMachine("systemd-analyze verify --man=no /etc/systemd/system/treekeeper.service 2>&1");
  expect(said.split("\n").filter((line) => line.includes("treekeeper"))).toEqual([]);
});

test("it is exposed no more than systemd calls well protected", async ({ skip }) => {
  const analyze = need("systemd-analyze", skip);
  const args = ["security", "--offline=true", `--threshold=${exposureMax * 10}`, "--no-pager", unitFile];
  const { stdout } = await promisify(execFile)(analyze, args);
  expect(Number(/Overall exposure level .*: (\S+)/.exec(stdout)?.[1])).toBeLessThanOrEqual(exposureMax);
});

test("what was installed serves on this machine alone, and stops in good order", async () => {
  const service = await startUnit();
  await service.logged("serving");
  expect(service.stdout).toContain('"address":"http://127.0.0.1:2281"');
  expect(await service.exec("/opt/treekeeper/bin/treekeeper", "healthcheck")).toMatchObject({
    code: 0,
    stderr: "",
  });
  expect(await service.exec("/opt/treekeeper/bin/treekeeper", "create", "/a", "x")).toMatchObject({
    code: 0,
  });
  expect(await service.stop()).toMatchObject({ code: 0, stderr: "" });
});

test("by the lines that open it, it serves others, with a token and TLS", async () => {
  const { cert, key } = makePair("localhost");
  writeFileSync(join(checkout, "tls.crt"), cert);
  writeFileSync(join(checkout, "tls.key"), key, { mode: 0o600 });
  await onMachine(`install -d -o treekeeper -g treekeeper -m 0700 ${state}`);
  await onMachine(open);
  const service = await startUnit();
  await service.logged("serving");
  expect(service.stdout).toContain('"address":"https://0.0.0.0:2281"');
  expect(service.stdout).not.toContain("insecure");
  const token = readFileSync(join(checkout, "admin.token"), "utf8").trim();
  const who = ["treekeeper", "--endpoint=https://localhost:2281", "whoami"];
  const env = [`TREEKEEPER_TOKEN=${token}`, "NODE_EXTRA_CA_CERTS=/etc/treekeeper/tls.crt"];
  const asked = await service.exec("env", ...env, `/opt/treekeeper/bin/${who[0]}`, ...who.slice(1));
  expect(asked).toMatchObject({ code: 0, stdout: "token:admin\n" });
  expect(await service.exec("/opt/treekeeper/bin/treekeeper", "healthcheck")).toMatchObject({ code: 0 });
  expect(await service.stop()).toMatchObject({ code: 0 });
});

test("it makes no system call and no socket that the unit refuses", async ({ skip }) => {
  for (const tool of ["systemd-analyze", "strace"]) need(tool, skip);
  const log = `${state}/strace.log`;
  // It does more than to serve: the thread that copies asks the system for other things.
  const backups = `TREEKEEPER_BACKUP_DIR=${state}/backups`;
  const service = await startUnit(["env", backups, "strace", "-f", "-qq", "-o", log]);
  await service.logged("serving");
  await service.logged("backup taken");
  expect(await service.exec("/opt/treekeeper/bin/treekeeper", "healthcheck")).toMatchObject({ code: 0 });
  process.kill(processInside(service), "SIGTERM");
  expect(await service.ended).toMatchObject({ code: 0 });
  const traced = readFileSync(join(written, log), "utf8");
  const calls = new Set(Array.from(traced.matchAll(/^\d+ +([a-z]\w*)\(/gm), ([, name]) => String(name)));
  expect(calls.size).toBeGreaterThan(50);
  const families = new Set(traced.match(/(?<=\bsocket\()AF_\w+/g));
  const allowedFamilies = String(unit.get("RestrictAddressFamilies")).split(" ");
  expect([...families].filter((family) => !allowedFamilies.includes(family))).toEqual([]);
  const allowed = allowedCalls();
  const refused = [...calls].filter((call) => !allowed.has(call)).sort();
  expect(refused).toEqual([]);
});

/** Last: what it sets stays set. */
test("by the lines for backups, it takes them where it may write, and goes on from one of them", async () => {
  await onMachine(backups);
  const service = await startUnit();
  await service.logged("backup taken");
  expect(service.stdout).toContain('"file":"/var/backups/treekeeper/treekeeper-');
  expect(await service.stop()).toMatchObject({ code: 0 });
  await onMachine("cd /var/backups/treekeeper && cp -p treekeeper-*.db store-today.db");
  await onMachine(restoring);
  const restored = await startUnit();
  await restored.logged("serving");
  expect(restored.stdout).toContain('"msg":"the store was restored: ');
  expect(await restored.stop()).toMatchObject({ code: 0 });
});

function allowedCalls(): Set<string> {
  const allowed = new Set<string>();
  for (const line of unit.get("SystemCallFilter") ?? []) {
    for (const name of line.replace("~", "").split(" ").flatMap(callsIn)) {
      if (line.startsWith("~")) allowed.delete(name);
      else allowed.add(name);
    }
  }
  return allowed;
}

function callsIn(group: string): string[] {
  if (!group.startsWith("@")) return [group];
  const printed = execFileSync("systemd-analyze", ["syscall-filter", "--no-pager", group], {
    encoding: "utf8",
  });
  const names = Array.from(printed.matchAll(/^ {4}([@\w-]+)$/gm), ([, name]) => String(name));
  return names.flatMap(callsIn);
}
