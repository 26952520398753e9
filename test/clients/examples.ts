// The examples in other languages: how each is built, if at all, and started. Each has the same two programs.

import { join } from "node:path";
import { projectFolder } from "../support/markdown.ts";
import type { Toolchain } from "./clients.ts";

type Command = readonly [string, ...string[]];

export interface ExampleLanguage {
  /** Its folder in examples/, and its toolchain. */
  readonly name: Toolchain;
  readonly build: (folder: string) => readonly Command[];
  readonly register: (folder: string) => Command;
  readonly batchJob: (folder: string) => Command;
}

const pythonFolder = join(projectFolder, "examples/python");
const goFolder = join(projectFolder, "examples/go");

export const exampleLanguages: readonly ExampleLanguage[] = [
  {
    name: "python",
    build: () => [],
    register: () => ["python3", "-B", join(pythonFolder, "register.py")],
    batchJob: () => ["python3", "-B", join(pythonFolder, "batch_job.py")],
  },
  {
    name: "go",
    build: (folder) => [["go", "build", "-C", goFolder, "-o", folder, "./register", "./batchjob"]],
    register: (folder) => [join(folder, "register")],
    batchJob: (folder) => [join(folder, "batchjob")],
  },
];
