// How the OpenAPI document is served: as it is in the repository, in the words of 3.0 as well, compressed for who takes it
// so, and not again to who has it.

import { gunzipSync } from "node:zlib";
import { expect } from "vitest";
import { test } from "./server-fixture.ts";

const urls = ["/openapi.json", "/openapi-3.0.json"] as const;

for (const url of urls) {
  test(`${url} is compressed for who takes it so, and is then the same text`, async ({ server }) => {
    const plain = await server.app.inject({ url });
    const packed = await server.app.inject({ url, headers: { "accept-encoding": "gzip, br" } });
    expect(plain.headers["content-encoding"]).toBeUndefined();
    expect(packed.headers["content-encoding"]).toBe("gzip");
    expect(gunzipSync(packed.rawPayload).toString()).toBe(plain.body);
    expect(packed.rawPayload.length).toBeLessThan(plain.rawPayload.length / 5);
    for (const { headers } of [plain, packed]) {
      expect(headers["content-type"]).toBe("application/json; charset=utf-8");
      expect(headers.vary).toBe("Accept-Encoding");
    }
    const refused = await server.app.inject({ url, headers: { "accept-encoding": "gzip;q=0" } });
    expect(refused.headers["content-encoding"]).toBeUndefined();
  });

  test(`${url} is not sent again to who has it, in the form they have`, async ({ server }) => {
    const packed = { "accept-encoding": "gzip" };
    for (const headers of [{}, packed]) {
      const first = await server.app.inject({ url, headers });
      const etag = String(first.headers.etag);
      const again = await server.app.inject({ url, headers: { ...headers, "if-none-match": etag } });
      expect([again.statusCode, again.body, again.headers.etag]).toEqual([304, "", etag]);
      const other = await server.app.inject({ url, headers: { ...headers, "if-none-match": '"other"' } });
      expect(other.statusCode).toBe(200);
    }
    const [plainTag, packedTag] = await Promise.all(
      [{}, packed].map(async (headers) => (await server.app.inject({ url, headers })).headers.etag),
    );
    expect(plainTag).not.toBe(packedTag);
  });

  test(`${url} says which methods it has`, async ({ server }) => {
    const [options, put] = await Promise.all(
      (["OPTIONS", "PUT"] as const).map((method) => server.app.inject({ url, method })),
    );
    const allow = "GET, HEAD, OPTIONS";
    expect([options?.statusCode, options?.headers.allow]).toEqual([204, allow]);
    expect([put?.statusCode, put?.headers.allow, put?.json().code]).toEqual([
      405,
      allow,
      "method_not_allowed",
    ]);
  });
}

test("both say the same operations, parameters and answers", async ({ server }) => {
  const [current, older] = await Promise.all(
    urls.map(async (url) => (await server.app.inject({ url })).json()),
  );
  expect([current.openapi, older.openapi]).toEqual(["3.1.0", "3.0.3"]);
  expect(outlineOf(older)).toEqual(outlineOf(current));
  expect(Object.keys(older.components.schemas)).toEqual(Object.keys(current.components.schemas));
});

interface Outlined {
  readonly paths: Record<
    string,
    Record<string, { operationId: string; responses: object; parameters?: object[] }>
  >;
}

function outlineOf({ paths }: Outlined) {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { operationId, responses, parameters = [] }]) => [
      ...[method, path, operationId, Object.keys(responses)],
      parameters.map((each) => (each as { name: string }).name),
    ]),
  );
}
