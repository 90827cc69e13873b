// A network that can be cut: it stays silent then, as networks do, and closes nothing.

import { once } from "node:events";
import { connect, createServer } from "node:net";

/** Listens until the test ends, and forwards to `target`, which may be set later. */
export async function network(t) {
  const [pairs, own] = [new Set(), { target: undefined, isCut: false }];
  const apply = (pair) => pair.forEach((socket) => (own.isCut ? socket.pause() : socket.resume()));
  const server = createServer({ noDelay: true }, (near) => {
    const far = connect({ port: Number(new URL(own.target).port), host: "127.0.0.1", noDelay: true });
    const pair = [near, far];
    pairs.add(pair);
    for (const [from, to] of [pair, [far, near]]) {
      from.on("data", (bytes) => to.write(bytes));
      from.on("error", () => {});
      from.once("close", () => (to.destroy(), pairs.delete(pair)));
    }
    apply(pair);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const all = (isCut) => () => {
    own.isCut = isCut;
    pairs.forEach(apply);
  };
  const reset = () => pairs.forEach(([near]) => near.resetAndDestroy());
  t.after(() => {
    reset();
    server.close();
  });
  return Object.assign(own, { url: `http://127.0.0.1:${server.address().port}`, cut: all(true), mend: all(false), reset });
}
