// What a read shows of the tree as it is at this moment: a znode, or a page of its children. It looks only, and
// every part of what it shows is as of the same transaction.

import { type Static, Type } from "typebox";
import { type Identities, openAcl, shownTo } from "../../core/acl/acl.ts";
import { KeeperError } from "../../core/errors.ts";
import type { Reader } from "../../core/reader.ts";
import { joinPath } from "../../core/tree/path.ts";
import { type Stat, statOf, statText } from "../../core/tree/stat.ts";
import type { Znode } from "../../core/tree/znode.ts";
import { type DataMember, dataMember, dataText } from "../../told/json-data.ts";
import { type ShownAclEntry, shownAcl } from "./acl-schemas.ts";
import { afterName, cursorLength } from "./cursors.ts";
import { entryBytes, jsonBytes, PageSize } from "./page-size.ts";
import { pageEntriesDefault, pageLimitBounds } from "./schemas.ts";

/** @throws KeeperError `no_node` */
export function znodeAt(reader: Reader, path: string): Znode {
  const znode = reader.get(path);
  if (znode === undefined) throw noNode(path);
  return znode;
}

export function noNode(path: string): KeeperError {
  return new KeeperError("no_node", `${path} does not exist.`, { path });
}

export type ZnodeView = DataMember & { readonly path: string; readonly stat: Stat };

export function viewOf(znode: Znode, encoding?: "base64"): ZnodeView {
  return { path: znode.path, ...dataMember(znode.data, encoding), stat: statOf(znode) };
}

/** What is asked of a page, be it in a query or in an operation. */
export const pageMembers = {
  limit: Type.Optional(
    Type.Integer({ ...pageLimitBounds, description: "Names in one page (1000); lines have none." }),
  ),
  after: afterName,
  prefix: Type.Optional(Type.String({ ...cursorLength, description: "Only names that start so." })),
  include: Type.Optional(
    Type.String({
      pattern: "^(stat|data)(,(stat|data))?$",
      "x-form": "stat, data or stat,data",
      description: "Add the stat, the data, or both (comma-separated) of each child, as `znodes`.",
    }),
  ),
};

const pageQuery = Type.Object(pageMembers);
type PageQuery = Static<typeof pageQuery>;

/** What of a znode is shown besides its path. */
export interface Included {
  readonly stat: boolean;
  readonly data: boolean;
  /** For whom access control lists are shown; absent where they are not. */
  readonly aclFor?: Identities;
}

export interface PartialView {
  readonly path: string;
  readonly stat?: Stat;
  readonly data?: string;
  readonly dataBase64?: string;
  readonly acl?: ShownAclEntry[];
}

/** The same as JSON, for those who show very many. */
export function partialTextOf(znode: Znode, { stat, data, aclFor }: Included): string {
  const dataMember = data ? `,${dataText(znode.data)}` : "";
  const aclMember = showsAcl(znode, aclFor) ? `,"acl":${JSON.stringify(aclIn(znode, aclFor))}` : "";
  const statMember = stat ? `,"stat":${statText(znode)}` : "";
  return `{"path":${JSON.stringify(znode.path)}${dataMember}${aclMember}${statMember}}`;
}

/** Of most znodes there is nothing to show. */
function showsAcl(znode: Znode, aclFor: Identities | undefined): aclFor is Identities {
  return aclFor !== undefined && znode.acl !== openAcl;
}

function aclIn({ acl }: Znode, aclFor: Identities): ShownAclEntry[] {
  return shownAcl(shownTo(aclFor, acl.entries));
}

/**
 * @param include as a client says it: `stat`, `data`, both or nothing, and in some places `acl`
 * @param who for whom lists would be shown
 */
export function includedIn(include: string, who?: Identities): Included {
  const parts = include.split(",");
  return {
    stat: parts.includes("stat"),
    data: parts.includes("data"),
    ...(who !== undefined && parts.includes("acl") && { aclFor: who }),
  };
}

export function partialViewOf(znode: Znode, included: Included): PartialView {
  return {
    path: znode.path,
    ...(included.data && dataMember(znode.data)),
    ...(showsAcl(znode, included.aclFor) && { acl: aclIn(znode, included.aclFor) }),
    ...(included.stat && { stat: statOf(znode) }),
  };
}

interface PageView {
  readonly path: string;
  readonly stat: Stat;
  readonly children: string[];
  readonly znodes?: PartialView[];
  readonly next?: string;
}

export interface Page {
  readonly view: PageView;
  /** The last transaction that changed anything it lists: names, and of each child what is included. */
  readonly changedZxid: number;
  /** Whether of each child all is there that was asked for. What may be told can change, and no transaction says so. */
  readonly isWhole: boolean;
}

/** @throws KeeperError `no_node` */
export function pageOf(reader: Reader, path: string, query: PageQuery): Page {
  const parent = znodeAt(reader, path);
  const included = includedIn(query.include ?? "");
  const includesAny = included.stat || included.data;
  const limit = query.limit ?? pageEntriesDefault;
  const children: string[] = [];
  const znodes: PartialView[] = [];
  const size = new PageSize();
  let changedZxid = parent.pzxid;
  let [hasMore, isWhole] = [false, true];
  for (const name of namesOf(reader, path, query)) {
    hasMore = children.length === limit || size.isFull;
    if (hasMore) break;
    const child = includesAny ? childAt(reader, joinPath(path, name)) : null;
    hasMore = !size.takes(jsonBytes(name) + (child === null ? 0 : entryBytes(child, included)));
    if (hasMore) break;
    children.push(name);
    if (child === null) {
      if (includesAny) isWhole = false;
      continue;
    }
    znodes.push(partialViewOf(child, included));
    changedZxid = Math.max(changedZxid, child.mzxid, included.stat ? child.pzxid : 0);
  }
  const view = {
    path,
    stat: statOf(parent),
    children,
    ...(includesAny && { znodes }),
    ...(hasMore && { next: children.at(-1) as string }),
  };
  return { view, changedZxid, isWhole };
}

function* namesOf(reader: Reader, path: string, { after, prefix = "" }: PageQuery) {
  const from = after !== undefined && after > prefix ? after : prefix;
  for (const name of reader.childNames(path, from)) {
    if (!name.startsWith(prefix)) return;
    if (name !== after) yield name;
  }
}

/** Null for one whose name is all that may be told. */
function childAt(reader: Reader, path: string): Znode | null {
  if (!reader.mayRead(path)) return null;
  const znode = reader.get(path);
  if (znode === undefined) throw new Error(`${path} is among its parent's names but not in the tree`);
  return znode;
}
