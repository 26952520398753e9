// What is true of each server by itself and not of the servers of a service together: such a test stays with one of them.

/** By file, and by the title's beginning; with the reason. */
const aboutOneServer: Readonly<Record<string, string>> = {
  "operators.test.ts an operator sees who watches what":
    "the streams listed are those of the server that is asked",
  "operators.test.ts watches are listed in pages": "the streams listed are those of the server that is asked",
};

export function isAboutOneServer(file: string, title: string): boolean {
  return Object.keys(aboutOneServer).some((beginning) =>
    `${file.split("/").at(-1)} ${title}`.startsWith(beginning),
  );
}
