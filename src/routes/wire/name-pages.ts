// Listings of what has a name: the znodes below /locks, /services and the like, in pages and in order of their names.

import { type Static, Type } from "typebox";
import type { Reader } from "../../core/reader.ts";
import { joinPath, validateName } from "../../core/tree/path.ts";
import type { Znode } from "../../core/tree/znode.ts";
import { afterName, cursorLength } from "./cursors.ts";
import { jsonBytes, PageSize } from "./page-size.ts";
import { pageLimit } from "./schemas.ts";

/** @param what is listed, with a capital */
export function namesQuery(what: string) {
  return Type.Object(
    {
      limit: pageLimit(`${what} in one page; fewer where they say much.`),
      after: afterName,
      prefix: Type.Optional(Type.String({ ...cursorLength, description: "Only names that start so." })),
    },
    { additionalProperties: false },
  );
}

export type NamesQuery = Static<ReturnType<typeof namesQuery>>;

export interface NamesPage<View> {
  readonly views: View[];
  /** Where there are more: the last name of the page. */
  readonly next?: string;
}

/**
 * Those that may be read: there is nothing to be shown of the others.
 * @param parent the znode whose children have the names
 * @param viewOf what is shown of one
 * @throws KeeperError `bad_path` for a cursor that is no name
 */
export function pageOfNames<View>(
  reader: Pick<Reader, "get" | "childNames" | "mayRead">,
  parent: string,
  { limit, after, prefix = "" }: NamesQuery,
  viewOf: (name: string, znode: Znode) => View,
): NamesPage<View> {
  if (after !== undefined) validateName(after);
  const size = new PageSize();
  const views: View[] = [];
  let last: string | undefined;
  for (const name of reader.childNames(parent, after !== undefined && after > prefix ? after : prefix)) {
    if (!name.startsWith(prefix)) break;
    const path = joinPath(parent, name);
    if (name === after || !reader.mayRead(path)) continue;
    const view = viewOf(name, reader.get(path) as Znode);
    const isFull = views.length === limit || !size.takes(jsonBytes(view));
    if (isFull) return { views, next: last as string };
    views.push(view);
    last = name;
  }
  return { views };
}
