// The Node.js that treekeeper runs on. Its programs ask before they load anything else: an older one would crash without a
// word, since better-sqlite3 needs Node-API 10, which the first releases of 22 and 23 do not have. bin/treekeeper says the same.

/** As a package.json says it. */
export const nodeRange = "^22.18.0 || >=24.0.0";

const needed = "Node.js 24 or newer, or 22 from 22.18 on";

/** One sentence when the Node.js of this process will not do; null when it does. */
export function nodeComplaint(version = process.versions.node): string | null {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const does = major >= 24 || (major === 22 && minor >= 18);
  return does ? null : `treekeeper needs ${needed}; this is ${version}.`;
}
