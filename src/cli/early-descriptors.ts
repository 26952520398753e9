// The descriptors that are open as the program begins, before it has touched any: to write to a terminal Node opens it
// once more, and nothing tells that one from what a shell has opened.

import { descriptorsOf } from "./supervisor/descriptors.ts";

export const earlyDescriptors: ReadonlySet<number> = new Set(descriptorsOf("self").keys());
