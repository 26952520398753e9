// How texts in a request are written, for the OpenAPI document. Each is judged where it is read, by code that says what is
// wrong with it and in the order of the rules; a pattern here says the same to clients before they send it.

import { type TSchemaOptions, Type } from "typebox";
import { nameLengthMax } from "../../core/coordination/coordination-syntax.ts";
import { stampForm } from "../../core/epochs.ts";
import { ttlMsMax } from "../../core/limits.ts";

/** Stands in the document as if it were in the schema, and takes no part in validation. */
function told(bounds: object): { "x-bounds": object } {
  return { "x-bounds": bounds };
}

/** Characters of a path but for the slash, and the same without the dot (P5). Generators know no escapes in common. */
const others = "\u00a0-\ud7ff\uf900-\uffef";
const character = `[ -.0-~${others}]`;
const noDot = `[ -\\-0-~${others}]`;

/** A segment that is neither empty nor one dot or two (P4), in words that every engine of patterns knows. */
const segment = `(?:${noDot}${character}*|\\.${noDot}${character}*|\\.\\.${character}+)`;
const segments = `${segment}(?:/${segment})*`;

export const nameForm = told({ minLength: 1, maxLength: nameLengthMax, pattern: `^${segment}$` });
export const childNameForm = told({ pattern: `^${segment}$` });
export const pathForm = told({ pattern: `^/(?:${segments})?$` });
/** What a sequential create puts its number behind may end with a slash (P7). */
export const pathOrPrefixForm = told({ pattern: `^/(?:${segments}/?)?$` });

/** In a URL the first slash is the one that stands there already. */
export const urlPathForm = told({ pattern: `^/?(?:${segments})?$` });
export const urlPathOrPrefixForm = told({ pattern: `^/?(?:${segments}/?)?$` });

const stamp = `${stampForm.zxid}(?:\\.${stampForm.epoch})?`;
/** An EventSource that has read nothing yet may send it empty. */
export const lastEventIdForm = told({ pattern: `^(?:${stamp})?$` });

const fence = `[!-+\\--~]+@${stamp}`;
export const fenceForm = told({ pattern: `^${fence}(?: *, *${fence})*$` });

const tag = '(?:W/)?"[!#-~]*"';
export const tagsForm = told({ pattern: `^(?:\\*|${tag}(?: *, *${tag})*)$` });
export const anyTagForm = told({ pattern: "^\\*$" });

export const idempotencyKeyForm = told({ minLength: 1, maxLength: 255, pattern: "^[ -~]+$" });
export const tokenForm = told({ pattern: "^[!-+\\--~]+$" });

const credential = "[Dd][Ii][Gg][Ee][Ss][Tt] [A-Za-z0-9+/]+={0,2}";
export const aclAuthForm = told({ pattern: `^${credential}(?: *, *${credential})*$` });

/** Of a znode; what is out of range is refused as `bad_ttl`. */
export function ttlMs(options: TSchemaOptions) {
  return Type.Optional(Type.Integer({ ...told({ minimum: 1, maximum: ttlMsMax }), ...options }));
}

export const base64Form = told({
  pattern: "^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$",
});

export const countForm = told({ minimum: 1 });
