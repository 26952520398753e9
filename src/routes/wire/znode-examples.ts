// The znode that the OpenAPI document shows.

export const examplePath = "/services/web";

export const exampleStat = {
  czxid: 1042,
  mzxid: 1042,
  pzxid: 1042,
  ctimeMs: 1_700_000_000_000,
  mtimeMs: 1_700_000_000_000,
  version: 0,
  cversion: 0,
  aversion: 0,
  ephemeralOwner: null,
  dataLength: 2,
  numChildren: 0,
};

export const exampleZnode = { path: examplePath, data: "up", stat: exampleStat };
export const exampleWritten = { path: examplePath, stat: exampleStat };
