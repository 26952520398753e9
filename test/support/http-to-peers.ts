// A client of several servers inside the test, one of which the test looks into: that one is as far as the client was told,
// and the client knows of what the test did there.

import { HttpToAny } from "./http-to-any.ts";
import type { Keeper } from "./keeper.ts";
import { random } from "./random.ts";

export class HttpToPeers extends HttpToAny {
  readonly #keeper: Keeper;

  constructor(urls: readonly string[], keeper: Keeper, seed: number) {
    super(urls, random(seed));
    this.#keeper = keeper;
  }

  override async fetch(...args: Parameters<HttpToAny["fetch"]>): Promise<Response> {
    this.saw(this.#keeper.store.zxid);
    const response = await super.fetch(...args);
    await this.#keeper.store.atLeast(Number(response.headers.get("zxid")));
    return response;
  }

  override async connect(): ReturnType<HttpToAny["connect"]> {
    this.saw(this.#keeper.store.zxid);
    return await super.connect();
  }
}
