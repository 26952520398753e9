// The clients that are generated, built and run: one row and one folder each. A folder has the scenario, as a user of that
// client would write it, what pins the versions it is built with, and `build.sh`. That is run in an empty folder with
//   DOCUMENT    the service's own description, untouched
//   CLIENT      the client's folder in the tree, which is only read
//   TOOLCHAINS  where `toolchains.sh` has put what it installed
// and leaves a program `scenario` there. steps.ts says what the scenario does and what it says on stdout.

export interface GeneratedClient {
  /** Its folder, too. */
  readonly name: string;
  /** What it needs of `toolchains.sh`. */
  readonly toolchains: readonly Toolchain[];
  /** Where the service describes itself: 3.0 is for generators that know nothing newer. */
  readonly document: "/openapi.json" | "/openapi-3.0.json";
}

export type Toolchain = "python" | "go" | "java" | "typescript" | "rust";

export const clients: readonly GeneratedClient[] = [
  { name: "python-openapi-python-client", toolchains: ["python"], document: "/openapi.json" },
  { name: "python-openapi-generator", toolchains: ["python", "java"], document: "/openapi.json" },
  { name: "go-oapi-codegen", toolchains: ["go"], document: "/openapi.json" },
  { name: "go-ogen", toolchains: ["go"], document: "/openapi.json" },
  { name: "typescript-hey-api", toolchains: ["typescript"], document: "/openapi.json" },
  { name: "typescript-openapi-fetch", toolchains: ["typescript"], document: "/openapi.json" },
  { name: "typescript-orval", toolchains: ["typescript"], document: "/openapi.json" },
  { name: "rust-openapi-generator", toolchains: ["rust", "java"], document: "/openapi.json" },
  { name: "rust-progenitor", toolchains: ["rust"], document: "/openapi-3.0.json" },
  { name: "java-openapi-generator", toolchains: ["java"], document: "/openapi.json" },
];

/** A page of docs/clients, whose sections are followed as well. */
export interface Page {
  readonly name: string;
  readonly toolchains: readonly Toolchain[];
}

export const pages: readonly Page[] = [
  { name: "python", toolchains: ["python", "java"] },
  { name: "go", toolchains: ["go"] },
  { name: "typescript", toolchains: ["typescript"] },
  { name: "java", toolchains: ["java"] },
  { name: "rust", toolchains: ["rust", "java"] },
];
