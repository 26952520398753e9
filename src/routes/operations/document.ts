// From what the OpenAPI plugin makes of the routes' schemas to the document that is served: every schema under its name,
// every whole number with its width, every refusal once. Validation and answers know nothing of it.

import { namesEverything } from "./document-names.ts";
import { finishOperation } from "./document-operations.ts";
import { shareResponses } from "./document-shared.ts";
import { isObject, type Json, type JsonObject } from "./json-walk.ts";
import { plainly } from "./plain-schemas.ts";

export interface OpenapiDocument extends JsonObject {
  readonly paths: Readonly<Record<string, Readonly<Record<string, JsonObject>>>>;
  readonly components: { readonly [kind: string]: Readonly<Record<string, JsonObject>> };
}

/** The document as it is served. The one that is given stays as it is. */
export function finished(made: object): OpenapiDocument {
  const { paths, components, ...rest } = plainly(made as Json) as unknown as OpenapiDocument;
  const named = namesEverything({ paths, schemas: components.schemas ?? {} });
  const operations = mapPaths(named.paths as OpenapiDocument["paths"], finishOperation);
  const shared = shareResponses(operations);
  return {
    ...rest,
    paths: shared.paths,
    components: {
      schemas: sorted(named.schemas),
      responses: sorted(shared.responses),
      headers: sorted(shared.headers),
      securitySchemes: components.securitySchemes ?? {},
    },
  } as OpenapiDocument;
}

/** Each operation of each path becomes one, or with its HEAD two. */
function mapPaths(
  paths: OpenapiDocument["paths"],
  map: (path: string, method: string, operation: JsonObject) => Record<string, JsonObject>,
): OpenapiDocument["paths"] {
  const entries = Object.entries(paths).map(([path, methods]) => {
    const mapped = Object.entries(methods).map(([method, operation]) =>
      isObject(operation) ? map(path, method, operation) : { [method]: operation },
    );
    return [path, Object.assign({}, ...mapped)];
  });
  return Object.fromEntries(entries);
}

function sorted<T>(members: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(members).sort(([a], [b]) => (a < b ? -1 : 1)));
}
