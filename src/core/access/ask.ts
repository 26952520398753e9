// How a command says what it takes: each row of the table of commands asks for the rights it needs, by the paths that
// the command names and by nothing that is there. It comes before every other check, so that who may not learns nothing.

import { KeeperError } from "../errors.ts";
import { rootPath } from "../tree/path.ts";
import { isConfined, type Permits } from "./permits.ts";
import { inTree } from "./root-paths.ts";
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
    const inWhole = inTree(this.#permits.root, path);
    const needed = this.#verbBelow(path, inWhole, verb);
    if (!this.#permits.mayAllBelow(inWhole, needed)) throw forbidden(path, needed, " and all below it");
  }

  /** The root itself never goes, with or without what recipes keep in it. */
  #verbBelow(path: string, inWhole: string, verb: Verb): Verb {
    if (path !== rootPath && isWrite(verb) && this.#permits.hasKeptFrom(inWhole)) return "admin";
    return verbOfRawWrite(this.#permits, inWhole, verb);
  }

  /** For what is nobody's path. @throws KeeperError `forbidden` */
  requireOfTree(verb: Verb): void {
    if (isConfined(this.#permits)) throw forbidden(rootPath, verb);
    this.require(rootPath, verb);
  }

  /** Whether there are recipes for whoever asks. */
  get hasRecipes(): boolean {
    return this.#permits.hasRecipes;
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
  return permits.mayByHand(inTree(permits.root, path), verb);
}

/** What recipes keep is written by them: with bare hands by an admin alone. @param path of the whole tree */
function verbOfRawWrite(permits: Permits, path: string, verb: Verb): Verb {
  return isWrite(verb) && permits.isKept(path) ? "admin" : verb;
}

function isWrite(verb: Verb): boolean {
  return verb === "write" || verb === "create" || verb === "delete";
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
