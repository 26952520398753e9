// orval leaves headers out, and what is in a path as it is, unless it is told not to.
export default {
  treekeeper: {
    input: process.env.DOCUMENT,
    output: {
      target: "treekeeper.ts",
      client: "fetch",
      baseUrl: { runtime: "process.env.TREEKEEPER_ENDPOINT" },
      headers: true,
      urlEncodeParameters: true,
    },
  },
};
