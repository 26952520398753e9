// A service of three workers, and a consumer that spreads its requests over those that are there.
//
// A worker is a program that knows nothing of treekeeper: `treekeeper register` lists it exactly while it lives. The
// consumer keeps a copy of the list, so that choosing costs nothing, and is told when it changes. A list can be a moment
// late: when a worker does not answer, the consumer tries the next one.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { fileURLToPath } from "node:url";
import { Client, ConnectionError, type InstanceView, type ServiceCopy } from "treekeeper/client";

const endpoint = process.env.TREEKEEPER_ENDPOINT ?? process.env.TREEKEEPER_URL ?? "http://127.0.0.1:2281";
const service = `demo-${process.pid}`;
const client = new Client({ endpoint, attemptsMax: 3 });

// --- a worker -----------------------------------------------------------------------------------------------

function work(name: string, port: number): void {
  createServer((_request, response) => response.end(name)).listen(port, "127.0.0.1");
}

/** Starts one the way an operator would. */
async function startWorker(id: string): Promise<ChildProcess> {
  const port = String(await freePort());
  const treekeeper = fileURLToPath(new URL("../src/cli/main.ts", import.meta.url));
  const options = ["--id", id, "--address", "127.0.0.1", "--port", port];
  const command = [process.execPath, fileURLToPath(import.meta.url), "worker", id, port];
  return spawn(process.execPath, [treekeeper, "register", service, ...options, "--", ...command], {
    stdio: ["ignore", "ignore", "inherit"],
    env: { ...process.env, TREEKEEPER_ENDPOINT: endpoint },
  });
}

async function freePort(): Promise<number> {
  const server = createTcpServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

// --- the consumer -------------------------------------------------------------------------------------------

const stopping = new AbortController();
let listChanged = Promise.withResolvers<void>();

/** The list as it is now, wherever in the program it is looked at. */
function follow(): ServiceCopy {
  return client.service(service, {
    state: "up",
    signal: stopping.signal,
    changed({ events }) {
      for (const { type, instance } of events) say(`consumer: ${instance.id} is ${type}`);
      listChanged.resolve();
      listChanged = Promise.withResolvers<void>();
    },
  });
}

async function untilThereAre(workers: ServiceCopy, ...ids: string[]): Promise<void> {
  while (idsOf(workers) !== ids.join()) await listChanged.promise;
}

function idsOf(workers: ServiceCopy): string {
  return workers
    .instances()
    .map(({ id }) => id)
    .join();
}

let turn = 0;

/** One after the other; who does not answer is passed over. */
async function ask(workers: ServiceCopy): Promise<string> {
  while (true) {
    const there = workers.instances();
    turn += 1;
    const worker = there[turn % there.length] as InstanceView;
    try {
      return await (await fetch(`http://${worker.address}:${worker.port}`)).text();
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

/** Until each that is there has answered so often. */
async function askEach(workers: ServiceCopy, share: number): Promise<void> {
  const answers = new Map<string, number>();
  const answersOf = ({ id }: InstanceView) => answers.get(id) ?? 0;
  while (workers.instances().some((worker) => answersOf(worker) < share)) {
    const id = await ask(workers);
    answers.set(id, (answers.get(id) ?? 0) + 1);
  }
  const shares = [...answers].sort().map(([id, count]) => `${id} (${count})`);
  say(`consumer: answered by ${shares.join(" ")}`);
}

// --- the story ----------------------------------------------------------------------------------------------

const started: ChildProcess[] = [];

async function tellStory(): Promise<void> {
  const workers = follow();
  await workers.ready;
  for (const id of ["alpha", "beta", "gamma"]) started.push(await startWorker(id));
  await untilThereAre(workers, "alpha", "beta", "gamma");
  await askEach(workers, 10);

  say("beta is told to end");
  started[1]?.kill("SIGTERM");
  await askEach(workers, 10);
  await untilThereAre(workers, "alpha", "gamma");

  say("delta begins");
  started.push(await startWorker("delta"));
  await untilThereAre(workers, "alpha", "delta", "gamma");
  await askEach(workers, 10);
  say("OK: workers came and went, and every request was answered");
}

async function cleanUp(): Promise<void> {
  const living = started.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null);
  for (const worker of living) worker.kill("SIGTERM");
  await Promise.all(living.map((worker) => once(worker, "exit")));
  stopping.abort();
  await client.delete(`/services/${service}`).catch(() => {});
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

async function main(): Promise<number> {
  const interrupted = once(process, "SIGINT").then(() => 130);
  try {
    await client.limits();
    return await Promise.race([interrupted, tellStory().then(() => 0)]);
  } catch (error) {
    if (!(error instanceof ConnectionError)) throw error;
    say(`There is no server at ${endpoint}; start one with: npm start`);
    return 1;
  } finally {
    await cleanUp();
  }
}

const [role, name = "", port] = process.argv.slice(2);
if (role === "worker") work(name, Number(port));
else process.exit(await main());
