// Evaluated before anything else of the client: where the platform is too old, whoever imports it is told so at once, and
// not by a TypeError when a session is first opened. In a browser there is no version to ask for, so it asks for what is used.

if (Promise.withResolvers === undefined) {
  throw new Error(
    "treekeeper/client needs Node.js 24 or newer, 22 from 22.18 on, or a browser with Promise.withResolvers.",
  );
}
