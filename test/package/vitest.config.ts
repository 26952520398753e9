import { suite } from "../support/suite.ts";

export default suite({ include: ["test/package/*.checks.ts"], testTimeout: 60_000, hookTimeout: 120_000 });
