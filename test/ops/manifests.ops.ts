// The files of ops/ against what the service is: its settings, its routes, the time it takes to stop, what it may open. What
// they do is in the other tests here.

import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import manifest from "../../package.json" with { type: "json" };
import { connectionsWithin } from "../../src/descriptors.ts";
import { fixedLimits } from "../../src/routes/http/fixed-limits.ts";
import { closeWithinMs } from "../../src/serve.ts";
import { settingVariables } from "../../src/settings/environment.ts";
import { exitCodeStorageFailed, exitCodeTooOld } from "../../src/store-notes.ts";
import { projectFolder, readDocument } from "../support/markdown.ts";
import { execForm, stagesIn } from "./dockerfile.ts";
import { composeService, environmentOf, kubernetes, readOps, unitLines, variablesIn } from "./manifests.ts";
import { need } from "./tools.ts";

const files = ["Dockerfile", "compose.yaml", "kubernetes.yaml", "treekeeper.service", "treekeeper.env"];
const { service, set } = kubernetes();
const pod = set.template.spec;
const [container] = pod.containers;
const compose = composeService();
const unit = unitLines();
const openApi = JSON.parse(readDocument("openapi/openapi.json")) as { paths: Record<string, object> };
const defaultPort = 2281;
/** The first that has all of it for good, and the newest whose words are known. */
const kubernetesVersions = ["1.29.0", "1.37.0"];

test.for(files)("every variable of %s is a setting's", (name) => {
  const named = new Set(readOps(name).match(/\bTREEKEEPER_[A-Z_]+/g));
  expect(named.size).toBeGreaterThan(0);
  expect([...named].filter((variable) => !settingVariables.includes(variable))).toEqual([]);
});

test("what treekeeper.env proposes is taken by the service as it stands there", async () => {
  const proposed = variablesIn(readOps("treekeeper.env"), true);
  const { TREEKEEPER_CONFIG: file, NODE_OPTIONS: options, ...settings } = proposed;
  expect([file, options]).not.toContain(undefined);
  expect(Object.keys(settings).length).toBeGreaterThan(5);
  const args = [join(projectFolder, "src/main.ts"), "--print-config"];
  const env = {
    PATH: process.env.PATH,
    ...settings,
    ...(options !== undefined && { NODE_OPTIONS: options }),
  };
  const { stdout } = await promisify(execFile)(process.execPath, args, { env });
  for (const [name, value] of Object.entries(settings)) {
    const flag = name.replace("TREEKEEPER_", "").toLowerCase().replaceAll("_", "-");
    expect(stdout).toContain(`# from ${name}\n${flag} = ${value}\n`);
  }
  expect(variablesIn(readOps("treekeeper.env"))).toEqual({});
});

test("hadolint finds nothing in the Dockerfile", async ({ skip }) => {
  const file = join(projectFolder, "ops/Dockerfile");
  expect((await promisify(execFile)(need("hadolint", skip), [file])).stdout).toBe("");
});

test.for(kubernetesVersions)(
  "kubernetes.yaml is what Kubernetes %s takes, with no word that it does not know",
  async (version, { skip }) => {
    const args = ["--strict", "--kubernetes-version", version, join(projectFolder, "ops/kubernetes.yaml")];
    const { stdout, stderr } = await promisify(execFile)(need("kubernetes-validate", skip), args);
    expect(`${stdout}${stderr}`.match(/passed for resource/g)).toHaveLength(2);
  },
);

test("there is time to stop in good order", () => {
  const seconds = {
    systemd: Number(unit.get("TimeoutStopSec")),
    compose: Number(compose.stop_grace_period.replace(/s$/, "")),
    kubernetes: pod.terminationGracePeriodSeconds,
  };
  for (const [name, given] of Object.entries(seconds))
    expect(given * 1000, name).toBeGreaterThan(closeWithinMs);
});

test("as many files may be open as there may be connections", () => {
  const wanted = { connectionsMax: 30_000, surplusConnectionsMax: fixedLimits.surplusConnectionsMax };
  for (const openMax of [Number(unit.get("LimitNOFILE")), compose.ulimits.nofile])
    expect(connectionsWithin(wanted, { openMax, openNow: 100 })).toEqual(wanted);
});

test("the base is fixed, and has the Node.js that the service is tested with", () => {
  const bases = stagesIn(join(projectFolder, "ops/Dockerfile")).map(({ base }) => base);
  expect(bases).toEqual([bases[0], bases[0]]);
  expect(bases[0]).toMatch(
    new RegExp(`^node:${manifest.dependencies.node.replaceAll(".", "\\.")}-bookworm-slim$`),
  );
});

test("the image is nobody's shell: no root, no form of a command that a shell runs", () => {
  const last = stagesIn(join(projectFolder, "ops/Dockerfile")).at(-1);
  const word = (name: string) => String(last?.instructions.find((one) => one.word === name)?.rest);
  expect(word("USER")).toBe("10001:10001");
  expect(word("EXPOSE")).toBe(String(defaultPort));
  expect([execForm(word("ENTRYPOINT")), execForm(word("CMD"))]).toEqual([["treekeeper"], ["serve"]]);
  expect(execForm(word("HEALTHCHECK").replace(/^.* CMD /, ""))).toEqual(["treekeeper", "healthcheck"]);
});

test("compose gives no rights away, and opens the port to this machine alone", () => {
  expect(compose).toMatchObject({
    ...{ read_only: true, cap_drop: ["ALL"], security_opt: ["no-new-privileges:true"] },
    ...{ ports: [`127.0.0.1:${defaultPort}:${defaultPort}`], restart: "unless-stopped" },
    build: { context: "..", dockerfile: "ops/Dockerfile" },
  });
});

describe("kubernetes.yaml", () => {
  test("has one pod, and a volume that no other pod gets", () => {
    expect(set.replicas).toBe(1);
    expect(set.volumeClaimTemplates.map(({ spec }) => spec.accessModes)).toEqual([["ReadWriteOncePod"]]);
  });

  test("is restricted, as the Pod Security Standards have it, and has no token of the cluster", () => {
    expect(pod.automountServiceAccountToken).toBe(false);
    expect(pod.securityContext).toMatchObject({
      ...{ runAsNonRoot: true, runAsUser: 10001, fsGroup: 10001, fsGroupChangePolicy: "OnRootMismatch" },
      seccompProfile: { type: "RuntimeDefault" },
    });
    const all = [...pod.initContainers, ...pod.containers];
    expect(all.map(({ securityContext }) => securityContext)).toEqual(
      all.map(() => ({
        ...{ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true },
        capabilities: { drop: ["ALL"] },
      })),
    );
  });

  test("asks routes that there are, by a port that there is", () => {
    const probes = [container?.startupProbe, container?.livenessProbe, container?.readinessProbe];
    expect(probes.map((probe) => probe?.httpGet.path)).toEqual(["/livez", "/livez", "/readyz"]);
    for (const probe of probes) {
      expect(openApi.paths[String(probe?.httpGet.path)]).toHaveProperty("get");
      expect(probe?.httpGet).toMatchObject({ port: "https", scheme: "HTTPS" });
    }
    expect(container?.ports).toEqual([{ name: "https", containerPort: defaultPort }]);
    expect(service.ports).toMatchObject([{ port: defaultPort, targetPort: "https" }]);
    expect(set.template.metadata.labels).toMatchObject(service.selector);
    expect(set.serviceName).toBe("treekeeper");
  });

  test("is the version of the package, and serves the names of its service in any namespace", () => {
    expect(container?.image).toBe(`treekeeper:${manifest.version}`);
    const names = environmentOf(container as NonNullable<typeof container>, "red").TREEKEEPER_ALLOWED_HOSTS;
    expect(names?.split(",")).toEqual([
      "treekeeper",
      ...["treekeeper.red", "treekeeper.red.svc", "treekeeper.red.svc.cluster.local"],
    ]);
  });

  test("mounts secrets whole, so that what is renewed is seen, and readable for its group alone", () => {
    for (const { volumeMounts } of [...pod.initContainers, ...pod.containers])
      expect(volumeMounts.filter(({ subPath }) => subPath !== undefined)).toEqual([]);
    expect(pod.volumes.map(({ secret }) => secret.defaultMode)).toEqual([0o440, 0o440]);
  });
});

test("the unit starts again after 74 and not after 78, and never in a loop without end", () => {
  expect(unit.get("Restart")).toEqual(["on-failure"]);
  expect(unit.get("RestartPreventExitStatus")).toEqual([String(exitCodeTooOld)]);
  expect(exitCodeStorageFailed).toBe(74);
  expect(unit.has("SuccessExitStatus")).toBe(false);
  const [interval, burst, pause] = ["StartLimitIntervalSec", "StartLimitBurst", "RestartSec"].map((name) =>
    Number(unit.get(name)),
  );
  // So often it starts within the interval at most, and a start that fails takes less than two seconds.
  expect((interval as number) / ((pause as number) + 2)).toBeGreaterThan(burst as number);
});
