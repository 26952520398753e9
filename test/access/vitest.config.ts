import { suite, withPrograms } from "../support/suite.ts";

export default suite({ ...withPrograms, include: ["test/access/*.access.ts"], testTimeout: 600_000 });
