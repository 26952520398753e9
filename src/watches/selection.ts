// What a stream watches: paths, a scope, types of event, with data or without. Streams with equal selections
// have equal keys, so that what is told to one can be told to all of them without asking again.

import { joinPath, parentPath, rootPath } from "../core/path.ts";
import type { Tree } from "../core/tree.ts";
import type { WatchEventType } from "../core/watch-event.ts";
import type { Znode } from "../core/znode.ts";
import type { EventSelection, MessageEvent } from "../store/change-message.ts";
import type { Scope } from "./matcher.ts";

export const watchEventTypes: readonly WatchEventType[] = ["created", "changed", "deleted"];

export interface SelectionParts {
  readonly paths: readonly string[];
  readonly scope: Scope;
  readonly types: readonly WatchEventType[];
  readonly withData: boolean;
}

export class Selection implements EventSelection {
  /** Sorted, so that parents come before their children; each once. */
  readonly paths: readonly string[];
  readonly scope: Scope;
  readonly types: ReadonlySet<WatchEventType>;
  readonly withData: boolean;
  readonly key: string;
  readonly #paths: ReadonlySet<string>;

  constructor(parts: SelectionParts) {
    const distinct = new Set(parts.paths);
    this.scope = parts.scope;
    this.paths = [...distinct]
      .sort()
      .filter((path) => parts.scope !== "subtree" || !isBelowAny(path, distinct));
    this.#paths = new Set(this.paths);
    this.types = new Set(parts.types);
    this.withData = parts.withData;
    const types = watchEventTypes.filter((type) => this.types.has(type));
    this.key = JSON.stringify([this.scope, types, this.withData, ...this.paths]);
  }

  matches(event: MessageEvent): boolean {
    return this.types.has(event.type) && this.#covers(event.path);
  }

  #covers(path: string): boolean {
    if (this.#paths.has(path)) return true;
    switch (this.scope) {
      case "node":
        return false;
      case "children":
        return this.#paths.has(parentPath(path));
      case "subtree":
        return isBelowAny(path, this.#paths);
    }
  }

  /** The znodes in scope, each once, parents before their children. */
  znodesIn(tree: Tree): Iterable<Znode> {
    const znodes = new Set<Znode>();
    for (const path of this.paths) {
      for (const znode of this.#znodesAt(tree, path)) znodes.add(znode);
    }
    return znodes;
  }

  *#znodesAt(tree: Tree, path: string): Generator<Znode> {
    if (this.scope === "subtree") return yield* tree.subtree(path);
    const znode = tree.get(path);
    if (znode === undefined) return;
    yield znode;
    if (this.scope === "node") return;
    for (const name of tree.childNames(path)) yield tree.get(joinPath(path, name)) as Znode;
  }
}

function isBelowAny(path: string, ancestors: ReadonlySet<string>): boolean {
  for (let ancestor = path; ancestor !== rootPath; ) {
    ancestor = parentPath(ancestor);
    if (ancestors.has(ancestor)) return true;
  }
  return false;
}
