// A disk that is far too slow for a while: nobody's session ends of it, whoever only reads is not kept waiting, what was sent
// is done, and when the disk is well again, so is the service. The slowness is made in the system calls of a real process.

import { spawnSync } from "node:child_process";
import { setTimeout as pause } from "node:timers/promises";
import { expect } from "vitest";
import { Http } from "../support/http.ts";
import { direct, ServerProcess, test } from "../support/process.ts";

/** Each of these syncs of a thread takes so long. */
const slowSyncs = { first: 3, last: 8, microseconds: 1_500_000 } as const;
const slow: [string, ...string[]] = [
  ...(["strace", "-D", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync", "--seccomp-bpf"] as const),
  ...["-e", `inject=fsync:delay_enter=${slowSyncs.microseconds}:when=${slowSyncs.first}..${slowSyncs.last}`],
];
const canTrace = spawnSync(slow[0], [...slow.slice(1), "true"]).status === 0;

test.runIf(canTrace)(
  "while the disk is slow keepalives and reads are answered at once, and writes when it lets them [G4]",
  async ({ dataDir, start }) => {
    // What a first start syncs is not what this is about.
    await (await start()).terminate();
    const args = ["--append-ms-max", "500", "--session-timeout-ms-min", "1000"];
    const server = await ServerProcess.start({ dataDir, args, command: [...slow, ...direct] });
    try {
      const http = new Http(server.url);
      const { id, token } = (await http.post("/v1/sessions", { json: { timeoutMs: 1000 } })).json<{
        id: string;
        token: string;
      }>();
      const headers = { "session-token": token };
      let isOver = false;
      const readiness = new Set<number>();
      const keeping = (async () => {
        while (!isOver) {
          expect((await http.put(`/v1/sessions/${id}`, { headers })).status).toBe(200);
          expect((await http.get("/v1/znodes/")).status).toBe(200);
          readiness.add((await http.get("/readyz")).status);
          await pause(50);
        }
      })();
      const syncs = slowSyncs.last + 2;
      for (let number = 0; number < syncs; number += 1)
        expect((await http.post(`/v1/znodes/w${number}`)).status).toBe(201);
      isOver = true;
      await keeping;
      expect([...readiness].sort()).toEqual([200, 503]);
      expect((await http.get("/readyz")).status).toBe(200);
      expect((await http.get(`/v1/sessions/${id}`, { headers })).status).toBe(200);
      const { children } = (await http.get("/v1/children/")).json<{ children: string[] }>();
      expect(children.filter((name) => /^w\d+$/.test(name))).toHaveLength(syncs);
      expect((await server.terminate()).code).toBe(0);
    } finally {
      await server.kill();
    }
  },
);
