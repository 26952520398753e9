// orval leaves what is in a path as it is, unless it is told not to. Headers are handed to it as they are to fetch: its option
// for them makes code that does not compile where one is a number.
export default {
  treekeeper: {
    input: process.env.DOCUMENT,
    output: {
      target: "treekeeper.ts",
      client: "fetch",
      baseUrl: { runtime: "process.env.TREEKEEPER_ENDPOINT" },
      urlEncodeParameters: true,
    },
  },
};
