// What the files of ops/ say to those who run the service.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse, parseAllDocuments } from "yaml";
import { projectFolder } from "../support/markdown.ts";

export function readOps(name: string): string {
  return readFileSync(join(projectFolder, "ops", name), "utf8");
}

export interface ComposeService {
  readonly image: string;
  readonly build: { readonly context: string; readonly dockerfile: string };
  readonly restart: string;
  readonly stop_grace_period: string;
  readonly read_only: boolean;
  readonly cap_drop: readonly string[];
  readonly security_opt: readonly string[];
  readonly ulimits: { readonly nofile: number };
  readonly ports: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** As `FROM:TO` or `FROM:TO:ro`. */
  readonly volumes: readonly string[];
}

export function composeService(): ComposeService {
  const { services } = parse(readOps("compose.yaml")) as { services: Record<string, ComposeService> };
  const [[name, service] = [], ...others] = Object.entries(services);
  if (name !== "treekeeper" || service === undefined || others.length > 0) throw new Error("one service");
  return service;
}

interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string; readonly scheme: string };
  readonly timeoutSeconds?: number;
}

interface Confined {
  readonly allowPrivilegeEscalation: boolean;
  readonly readOnlyRootFilesystem: boolean;
  readonly capabilities: { readonly drop: readonly string[] };
}

interface PodContainer {
  readonly name: string;
  readonly image: string;
  readonly command?: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
  readonly ports?: readonly { readonly name: string; readonly containerPort: number }[];
  readonly securityContext: Confined;
  readonly volumeMounts: readonly {
    readonly name: string;
    readonly mountPath: string;
    readonly subPath?: string;
  }[];
  readonly startupProbe?: Probe;
  readonly livenessProbe?: Probe;
  readonly readinessProbe?: Probe;
}

interface Pod {
  readonly automountServiceAccountToken: boolean;
  readonly terminationGracePeriodSeconds: number;
  readonly securityContext: Readonly<Record<string, unknown>>;
  readonly initContainers: readonly PodContainer[];
  readonly containers: readonly PodContainer[];
  readonly volumes: readonly { readonly name: string; readonly secret: Record<string, unknown> }[];
}

interface Service {
  readonly selector: Record<string, string>;
  readonly publishNotReadyAddresses: boolean;
  readonly ports: readonly { readonly port: number; readonly targetPort: string }[];
}

interface StatefulSet {
  readonly serviceName: string;
  readonly replicas: number;
  readonly template: { readonly metadata: { labels: Record<string, string> }; readonly spec: Pod };
  readonly volumeClaimTemplates: readonly {
    readonly metadata: { readonly name: string };
    readonly spec: { readonly accessModes: readonly string[] };
  }[];
}

export function kubernetes(): { readonly service: Service; readonly set: StatefulSet } {
  const documents = parseAllDocuments(readOps("kubernetes.yaml"), { uniqueKeys: true });
  const objects = documents.map((document) => {
    if (document.errors.length > 0) throw document.errors[0];
    return document.toJS() as { kind: string; spec: unknown };
  });
  const specOf = (kind: string) => objects.find((one) => one.kind === kind)?.spec;
  return { service: specOf("Service") as Service, set: specOf("StatefulSet") as StatefulSet };
}

/** The environment that a container of a pod gets, in this namespace. */
export function environmentOf({ env = [] }: PodContainer, namespace: string): Record<string, string> {
  const values: Record<string, string> = {};
  for (const { name, value } of env)
    values[name] = value?.replaceAll(/\$\((\w+)\)/g, (_, other) => String(values[other])) ?? namespace;
  return values;
}

/** The lines of a unit, by section and name, in order. */
export function unitLines(): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const line of readOps("treekeeper.service").split("\n")) {
    const [, name, value = ""] = /^(\w+)=(.*)$/.exec(line) ?? [];
    if (name !== undefined) found.set(name, [...(found.get(name) ?? []), value]);
  }
  return found;
}

/** Variables in a file of a unit, as systemd reads it where nothing is quoted; `isProposed` takes those in comments as well. */
export function variablesIn(text: string, isProposed = false): Record<string, string> {
  const lines = text.split("\n").map((line) => (isProposed ? line.replace(/^#(?=[A-Z_]+=)/, "") : line));
  const set = lines.filter((line) => /^[A-Z_]+=/.test(line));
  return Object.fromEntries(
    set.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
  );
}
