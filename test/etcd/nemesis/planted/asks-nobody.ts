// A fault: reads that are to be of the newest state are of whatever this server has.

import { Store } from "../../../../src/store/store.ts";

Store.prototype.sync = async function (this: Store) {
  return this.zxid;
};
