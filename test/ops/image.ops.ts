// The image, built step by step and started as compose and Kubernetes start it: as its user, as process 1, without any right
// of root, on a file system that is read-only but for its volume, after the very lines of docs/deploy.md.

import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test as plainTest } from "vitest";
import { makePair } from "../support/certificates.ts";
import { codeBlocksOf, projectFolder, readDocument } from "../support/markdown.ts";
import { buildImage, type Image, removeImage, startContainer } from "./image.ts";
import { hasMachines, type Machine, type Mount, makeFolder, needMachines, removeFolder } from "./machine.ts";
import { composeService, environmentOf, kubernetes } from "./manifests.ts";

const uid = 10001;
const statePath = "/var/lib/treekeeper";
const folder = makeFolder();
let image: Image;
const machines: Machine[] = [];

beforeAll(async () => {
  if (hasMachines) image = await buildImage(folder);
});
afterEach(async () => {
  for (const machine of machines.splice(0)) await machine.kill();
});
afterAll(() => {
  if (image !== undefined) removeImage(image);
  removeFolder(folder);
});

const test = plainTest.extend<{ place: string }>({
  place: async ({ skip }, use) => {
    needMachines(skip);
    const place = makeFolder();
    await use(place);
    removeFolder(place);
  },
});

function start(...args: Parameters<typeof startContainer>): Machine {
  const machine = startContainer(...args);
  machines.push(machine);
  return machine;
}

/** A named volume that is empty: it has what the image has at its place. */
function namedVolume(place: string): Mount {
  const from = join(place, "volume");
  mkdirSync(from, { mode: 0o700 });
  chownSync(from, uid, uid);
  return { from, to: statePath };
}

function layTls(place: string): void {
  const { cert, key } = makePair("localhost");
  writeFileSync(join(place, "tls.crt"), cert);
  writeFileSync(join(place, "tls.key"), key, { mode: 0o600 });
}

function linesOf(heading: string): string[] {
  const [block] = codeBlocksOf(readDocument("docs/deploy.md")).filter((one) => one.heading === heading);
  return String(block?.code).split("\n");
}

/** Run by a shell, in a folder that stands for the checkout. */
function shell(place: string, line: string): string {
  return execFileSync("sh", ["-euc", line], { cwd: place, encoding: "utf8", stdio: "pipe" });
}

test("the image holds the package and what it needs, and nothing that installs more", ({ place }) => {
  const layer = image.written;
  const volume = statSync(join(layer, statePath));
  expect([volume.uid, volume.gid, volume.mode & 0o7777]).toEqual([uid, uid, 0o700]);
  expect(readdirSync(join(layer, "opt/treekeeper")).sort()).toEqual(
    ["LICENSE", "README.md", "bin", "dist", "docs", "llms.txt", "node_modules", "package.json"].sort(),
  );
  const packages = readdirSync(join(layer, "opt/treekeeper/node_modules"));
  expect(packages).toContain("better-sqlite3");
  for (const name of ["node", "typescript", "vitest", ".bin"]) expect(packages).not.toContain(name);
  // What was deleted stands there as a device that hides what is below.
  const npm = lstatSync(join(layer, "usr/local/bin/npm"), { throwIfNoEntry: false });
  expect(npm?.isSymbolicLink() ?? false).toBe(false);
  expect(existsSync(join(layer, "usr/local/lib/node_modules/npm"))).toBe(false);
  expect(image.volumes).toEqual([statePath]);
  expect(place).not.toBe("");
});

test("as it is it lets nobody in: it ends with a sentence that says how", async ({ place }) => {
  const { code, stdout } = await start(image, { mounts: [namedVolume(place)] }).ended;
  expect([code, stdout]).toEqual([1, expect.stringContaining("--host 0.0.0.0 lets others in")]);
  expect(stdout).toContain("treekeeper token init");
});

test("the lines for Docker lead from nothing to a service with TLS and a token", async ({ place }) => {
  const [build, ...tls] = linesOf("Docker");
  const [init, up, check] = tls.splice(-3);
  expect(build).toBe("docker build --file ops/Dockerfile --tag treekeeper .");
  layTls(place);
  mkdirSync(join(place, "ops"));
  for (const line of tls) shell(place, line);

  const { environment, volumes } = composeService();
  const volume = namedVolume(place);
  const mounts = volumes.map((text) => {
    const [from = "", to = "", mode] = text.split(":");
    return from === "data" ? volume : { from: join(place, "ops", from), to, isReadOnly: mode === "ro" };
  });
  const compose = (command?: readonly string[]) =>
    start(image, { env: environment, mounts, ...(command && { command }) });
  const withoutToken = await compose().ended;
  expect([withoutToken.code, withoutToken.stdout]).toEqual([
    1,
    expect.stringContaining("access control is off"),
  ]);

  const [, initArgs = ""] =
    /compose\.yaml run --rm -T treekeeper (.*) > admin\.token\)$/.exec(init ?? "") ?? [];
  const made = await compose(initArgs.split(" ")).ended;
  expect(made).toMatchObject({ code: 0, stdout: expect.stringMatching(/^tk_\S+\n$/) });

  expect(up).toMatch(/compose\.yaml up --detach$/);
  const running = compose();
  const [, checkArgs = ""] = /exec -T treekeeper (.*)$/.exec(check ?? "") ?? [];
  expect(checkArgs.split(" ")).toEqual(image.healthcheck);
  await running.logged("serving");
  expect(await running.exec(...image.healthcheck)).toMatchObject({ code: 0, stderr: "" });
  const ask = [
    "env",
    `TREEKEEPER_TOKEN=${made.stdout.trim()}`,
    "NODE_EXTRA_CA_CERTS=/etc/treekeeper/tls/tls.crt",
  ];
  const endpoint = "--endpoint=https://localhost:2281";
  const asked = await running.exec(...ask, "treekeeper", endpoint, "create", "/kept", "green");
  expect(asked).toMatchObject({ code: 0, stdout: "/kept\n" });

  // Process 1 is the service itself: nothing stands between it and its signals.
  const one = (await running.exec("cat", "/proc/1/cmdline")).stdout.split("\0");
  expect(one.slice(0, 2)).toEqual(["/usr/local/bin/node", "/opt/treekeeper/dist/cli/main.js"]);
  const { stdout: confined } = await running.exec("cat", "/proc/1/status", "/proc/1/mountinfo");
  expect(confined).toMatch(/^CapEff:\t0+$/m);
  expect(confined).toMatch(/ \/ ro,\S* .*overlay/m);
  process.kill(running.pid, "SIGSTOP");
  const frozen = await running.exec(...image.healthcheck);
  process.kill(running.pid, "SIGCONT");
  expect([frozen.code, frozen.stderr]).toEqual([1, expect.stringContaining("does not answer on port 2281")]);
  expect(await running.stop()).toMatchObject({ code: 0, stdout: expect.stringContaining('"msg":"closed"') });

  const again = compose();
  await again.logged("serving");
  const kept = await again.exec(...ask, "treekeeper", endpoint, "get", "/kept");
  expect(kept).toMatchObject({ code: 0, stdout: "green" });
  expect(await again.stop()).toMatchObject({ code: 0 });
});

test("a signal during the start ends it as well", async ({ place }) => {
  const starting = start(image, { env: { TREEKEEPER_HOST: "127.0.0.1" }, mounts: [namedVolume(place)] });
  await starting.logged("store open");
  expect(await starting.stop()).toMatchObject({ code: 0, stderr: "" });
});

describe("Kubernetes", () => {
  const pod = kubernetes().set.template.spec;
  const [init] = pod.initContainers;
  const [container] = pod.containers;

  /** As fsGroup leaves it, with what the lines of the document make. */
  function layVolumes(place: string): Record<string, Mount> {
    const volumes: Record<string, Mount> = {};
    for (const name of ["data", "tls", "first-token"]) {
      const from = join(place, `volume-${name}`);
      mkdirSync(from);
      chownSync(from, 0, uid);
      chmodSync(from, name === "data" ? 0o2775 : 0o755);
      volumes[name] = { from, to: "" };
    }
    return volumes;
  }

  function secret(place: string, { from }: Mount, name: string): void {
    const file = join(from, name.split("/").at(-1) as string);
    copyFileSync(join(place, name), file);
    chownSync(file, 0, uid);
    chmodSync(file, 0o440);
  }

  function run(one: (typeof pod)["containers"][number], volumes: Record<string, Mount>): Machine {
    const mounts = one.volumeMounts.map(({ name, mountPath: to }) => ({ ...(volumes[name] as Mount), to }));
    const started = one.command === undefined ? image : { ...image, entrypoint: [], command: one.command };
    return start(started, { env: environmentOf(one, "default"), mounts });
  }

  test("the lines lead to a pod that is ready, and the first token counts once", async ({ place }) => {
    if (init === undefined || container === undefined) throw new Error("there are two containers");
    const lines = linesOf("Kubernetes");
    const program = join(place, "treekeeper");
    writeFileSync(program, `#!/bin/sh\nexec '${join(projectFolder, "bin/treekeeper")}' "$@"\n`, {
      mode: 0o755,
    });
    layTls(place);
    shell(place, `PATH=.:$PATH; ${lines[0]}`);
    const token = shell(place, "cat admin.token").trim();
    const volumes = layVolumes(place);
    const secrets = lines.slice(1, 3).join("\n");
    for (const { name, secret: source } of pod.volumes) {
      const [, kind] = new RegExp(`secret (generic|tls) ${String(source.secretName)} `).exec(secrets) ?? [];
      expect([name, kind]).toEqual([name, name === "tls" ? "tls" : "generic"]);
      const files = Array.from(secrets.matchAll(/--(?:from-file|cert|key)=(\S+)/g), ([, file]) =>
        String(file),
      );
      for (const file of files.filter((one) => one.startsWith("tls") === (name === "tls")))
        secret(place, volumes[name] as Mount, file);
    }

    expect(await run(init, volumes).ended).toMatchObject({ code: 0, stderr: "" });
    const running = run(container, volumes);
    await running.logged("serving");
    for (const { httpGet } of [container.startupProbe, container.livenessProbe, container.readinessProbe].map(
      (probe) => probe as NonNullable<typeof probe>,
    ))
      expect(
        await running.probe(`https://127.0.0.1:${container.ports?.[0]?.containerPort}${httpGet.path}`),
      ).toBe("200");
    const rotate = ["treekeeper", "--endpoint=https://127.0.0.1:2281", "token", "rotate", "admin"];
    const asAdmin = ["env", `TREEKEEPER_TOKEN=${token}`, "NODE_EXTRA_CA_CERTS=/etc/treekeeper/tls/tls.crt"];
    expect(await running.exec(...asAdmin, ...rotate)).toMatchObject({ code: 0 });
    expect(await running.stop()).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('"msg":"closed"'),
    });

    // The secret is still there, and what was rotated away stays so.
    expect(await run(init, volumes).ended).toMatchObject({ code: 0, stderr: "" });
    const next = run(container, volumes);
    await next.logged("serving");
    expect(next.stdout).not.toContain("closed to others");
    const old = await next.exec(...asAdmin, "treekeeper", "--endpoint=https://127.0.0.1:2281", "whoami");
    expect(old.code).toBe(77);
    expect(await next.stop()).toMatchObject({ code: 0 });
  });

  test("without the secret an empty volume starts nothing", async ({ place }) => {
    if (init === undefined) throw new Error("there is one");
    const volumes = layVolumes(place);
    expect((await run(init, volumes).ended).code).not.toBe(0);
    expect(existsSync(join(volumes.data?.from as string, "data"))).toBe(false);
  });
});
