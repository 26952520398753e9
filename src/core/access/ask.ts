// How a command says what it takes: each row of the table of commands asks for the rights it needs, by the paths that
// the command names and by nothing that is there. It comes before every other check, so that who may not learns nothing.

import { KeeperError } from "../errors.ts";
import { rootPath } from "../tree/path.ts";
import { inTree } from "./namespace.ts";
import { isConfined, type Permits } from "./permits.ts";
import { isKeptByRecipes } from "./recipe-roots.ts";
import type { Verb } from "./verbs.ts";

export class Ask {
  readonly #permits: Permits;

  constructor(permits: Permits) {
    this.#permits = permits;
  }

  /** @throws KeeperError `forbidden` */
  require(path: string, ...verbs: readonly Verb[]): void {
    for (const verb of verbs) if (!this.#may(path, verb)) throw forbidden(path, verb);
  }

  /** One of them is enough. @throws KeeperError `forbidden` */
  requireAny(path: string, ...verbs: readonly Verb[]): void {
    if (!verbs.some((verb) => this.#may(path, verb))) throw forbidden(path, verbs[0] as Verb);
  }

  /** For the path and all below it, whatever is there. @throws KeeperError `forbidden` */
  requireBelow(path: string, verb: Verb): void {
    const needed = verbOfRawWrite(path, verb);
    const isAllowed = this.#permits.mayAllBelow(inTree(this.#permits.root, path), needed);
    if (!isAllowed) throw forbidden(path, needed, " and all below it");
  }

  /** For what is nobody's path. @throws KeeperError `forbidden` */
  requireOfTree(verb: Verb): void {
    if (isConfined(this.#permits)) throw forbidden(rootPath, verb);
    this.require(rootPath, verb);
  }

  /** Whether whoever asks can name a part of the tree alone. */
  get isConfined(): boolean {
    return isConfined(this.#permits);
  }

  #may(path: string, verb: Verb): boolean {
    return mayAs(this.#permits, path, verb);
  }
}

/** Whether they have to do with what is nobody's path. */
export function isAdmin(permits: Permits): boolean {
  return !isConfined(permits) && permits.may(rootPath, "admin");
}

/** @param path as whoever asks names it */
export function mayAs(permits: Permits, path: string, verb: Verb): boolean {
  return permits.may(inTree(permits.root, path), verbOfRawWrite(path, verb));
}

/** What recipes keep is written by them: with bare hands by an admin alone. */
function verbOfRawWrite(path: string, verb: Verb): Verb {
  const isWrite = verb === "write" || verb === "create" || verb === "delete";
  return isWrite && isKeptByRecipes(path) ? "admin" : verb;
}

export function forbidden(path: string, verb: Verb, extent = ""): KeeperError {
  return new KeeperError(
    "forbidden",
    `No policy of yours gives you the right \`${verb}\` on ${path}${extent}.`,
    {
      path,
    },
  );
}
