import { suite, withPrograms } from "../support/suite.ts";

export default suite({
  ...withPrograms,
  include: ["test/clients/*.clients.ts"],
  // Compilers take all cores they find; the second client is there for the time in which a generator uses one.
  maxWorkers: 1,
  maxConcurrency: 2,
  // A first build fetches what it needs.
  testTimeout: 900_000,
  hookTimeout: 60_000,
});
