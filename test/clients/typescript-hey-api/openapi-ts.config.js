// A project needs none of this: the generator finds its tsconfig.json beside node_modules, which is elsewhere here.
export default {
  input: process.env.DOCUMENT,
  output: { path: "treekeeper", tsConfigPath: `${process.cwd()}/tsconfig.json` },
};
