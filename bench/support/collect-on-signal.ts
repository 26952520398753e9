// Loaded into a server before its own code, to measure what it holds and not what its collector has yet to give back:
// garbage is collected when SIGWINCH says so, which means nothing to a server otherwise.

process.on("SIGWINCH", () => {
  // The last resort also gives back the room it keeps for new objects.
  globalThis.gc?.({ type: "major", flavor: "last-resort" });
});
