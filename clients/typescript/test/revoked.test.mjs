// The revoked set: bounded memory, and nothing dropped before its time.

import assert from "node:assert/strict";
import { it } from "node:test";

import { Revoked } from "../dist/feed/revoked.js";

const session = (sid, remaining = 10) => ({ type: "session", remaining, sid });
const marks = (more) => ({ sid: "s0", user: undefined, uep: 0, rat: 1_000_000, kid: undefined, clientId: undefined, ...more });

it("entries merge by maximum, in whichever order", () => {
  const epoch = (epoch, remaining) => ({ type: "epoch", remaining, user: "u", epoch });
  for (const order of [[epoch(3n, 10), epoch(2n, 20)], [epoch(2n, 20), epoch(3n, 10)]]) {
    const revoked = new Revoked(10, 5);
    for (const entry of order) revoked.insert(entry, 0);
    revoked.expire(19_999);
    assert.ok(revoked.isRevoked(marks({ user: "u", uep: 2 })));
    assert.ok(!revoked.isRevoked(marks({ user: "u", uep: 3 })));
    revoked.expire(20_000);
    assert.ok(!revoked.isRevoked(marks({ user: "u", uep: 2 })));
  }
});

it("an epoch beyond exact numbers is higher than any that a token has", () => {
  const revoked = new Revoked(10, 5);
  revoked.insert({ type: "epoch", remaining: 1, user: "u", epoch: 2n ** 64n - 1n }, 0);
  assert.ok(revoked.isRevoked(marks({ user: "u", uep: Number.MAX_SAFE_INTEGER })));
});

it("what does not fit raises a floor, and nothing gives way to it", () => {
  const revoked = new Revoked(2, 5);
  for (const sid of ["a", "b", "c"]) revoked.insert(session(sid), 1_000);
  assert.equal(revoked.size, 2);
  for (const sid of ["a", "b"]) assert.ok(revoked.isRevoked(marks({ sid, rat: 9_000 })), sid);
  assert.equal(revoked.floor, 6_000);
  assert.ok(revoked.isRevoked(marks({ sid: "c", rat: 6_000 })));
  assert.ok(revoked.isRevoked(marks({ sid: "another", rat: 6_000 })), "more than was asked for");
  assert.ok(!revoked.isRevoked(marks({ sid: "another", rat: 6_001 })));
  // It raises what is there already.
  revoked.insert(session("a", 60), 1_000);
  revoked.expire(11_000);
  assert.equal(revoked.floor, undefined);
  assert.ok(revoked.isRevoked(marks({ sid: "a" })) && !revoked.isRevoked(marks({ sid: "b" })));
});

it("a dead key beyond all that are remembered refuses everything", () => {
  const revoked = new Revoked(2, 5);
  for (let at = 0; at <= 4_096; at += 1) revoked.insert({ type: "key", remaining: 10, kid: `k${at}` }, 0);
  assert.equal(revoked.size, 4_096);
  assert.ok(revoked.isRevoked(marks({ rat: Number.MAX_SAFE_INTEGER })));
});

it("of very many entries a part is looked at each time, and all of them in the end", () => {
  const revoked = new Revoked(1_000_000, 5);
  for (let at = 0; at < 50_000; at += 1) revoked.insert(session(`s${at}`, at % 2 === 0 ? 10 : 1_000), 0);
  revoked.expire(10_000);
  assert.ok(revoked.size > 25_000, "the first time not all");
  for (let times = 0; times < 32; times += 1) revoked.expire(10_000);
  assert.equal(revoked.size, 25_000);
  for (let at = 1; at < 50_000; at += 2) assert.ok(revoked.isRevoked(marks({ sid: `s${at}` })));
});
