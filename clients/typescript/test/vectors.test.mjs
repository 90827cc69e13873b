// The vectors of the revocation feed, which every verifier is held against.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { it } from "node:test";

import { Frames, isPosition, lastWatermark } from "../dist/feed/frames.js";
import { ageOf, Freshness } from "../dist/feed/freshness.js";
import { Revoked } from "../dist/feed/revoked.js";

const FOLDER = new URL("../../../crates/verifier/tests/vectors/feed/", import.meta.url);
// The largest epoch is more than a number can hold.
const read = (name) => JSON.parse(readFileSync(new URL(name, FOLDER), "utf8").replace(/: (\d{17,})/g, ': "$1"'));
const hex = (id) => Buffer.from(id, "latin1").toString("hex");
const id = (text) => Buffer.from(text, "hex").toString("latin1");

/** A frame as the vectors write it. */
function written(frame) {
  const { type, remaining } = frame;
  switch (type) {
    case "session":
      return { session: { remaining, sid: hex(frame.sid) } };
    case "epoch": {
      const epoch = frame.epoch > 2n ** 53n ? String(frame.epoch) : Number(frame.epoch);
      return { epoch: { remaining, user: hex(frame.user), epoch } };
    }
    case "key":
      return { key: { remaining, kid: frame.kid } };
    case "everybody":
      return { everybody: { remaining, moment: frame.moment } };
    case "client":
      return { client: { remaining, moment: frame.moment, client_id: frame.clientId } };
    case "watermark":
      return { watermark: { age: frame.age, now: frame.now, position: frame.position } };
    default:
      return type;
  }
}

function* framesOf(frames) {
  for (let frame = frames.next(); frame; frame = frames.next()) yield frame;
}

it("frames are read as the vectors say, however they are cut into parts", () => {
  let count = 0;
  for (const vector of read("frames.json")) {
    const bytes = Buffer.from(vector.hex, "hex");
    for (const size of [1, 2, 7, bytes.length]) {
      const [frames, found] = [new Frames(), []];
      for (let at = 0; at < bytes.length; at += size) {
        frames.push(bytes.subarray(at, at + size));
        for (const frame of framesOf(frames)) found.push(written(frame));
      }
      assert.deepEqual(found, vector.frames, vector.name);
      assert.equal(frames.isBetween(), vector.whole, vector.name);
      count += 1;
    }
  }
  assert.ok(count >= 4 * 25, `${count}`);
});

/** A verifier, as small as it can be. */
class Small {
  asked = new Map();
  freshness = new Freshness();

  constructor({ bound, leeway }) {
    [this.bound, this.leeway, this.revoked] = [bound, leeway, new Revoked(100, leeway)];
  }

  answer(asked, bytes) {
    const watermark = lastWatermark(bytes);
    if (watermark && this.heed(bytes, watermark.now)) this.freshness.learn(asked, watermark);
  }

  heed(bytes, now) {
    const frames = new Frames();
    frames.push(bytes);
    let isKnown = true;
    for (const frame of framesOf(frames)) {
      if (frame.type === "unknown") isKnown = false;
      else if (!["watermark", "end"].includes(frame.type)) this.revoked.insert(frame, now);
    }
    return isKnown;
  }

  verdict(at, { sid, sub, uep, rat, kid, client_id: clientId, exp }) {
    const view = this.freshness.at(at);
    if (!view) return "not_ready";
    if (view.now >= (exp + this.leeway) * 1_000) return "expired";
    if (this.revoked.isRevoked({ sid: id(sid), user: id(sub), uep, rat, kid, clientId })) return "revoked";
    return ageOf(view, rat) <= this.bound ? "accepted" : "stale";
  }
}

for (const history of read("histories.json")) {
  it(`history: ${history.name}`, () => {
    const small = new Small(history);
    for (const { at, verdict, ...step } of history.steps) {
      if ("ask" in step) small.asked.set(step.ask, at);
      else if ("answer" in step) small.answer(small.asked.get(step.answer), Buffer.from(step.hex, "hex"));
      else if ("stream" in step) small.heed(Buffer.from(step.stream, "hex"), small.freshness.at(at).now);
      else assert.equal(small.verdict(at, step.check), verdict, `at ${at}`);
    }
  });
}

it("the issuer's clock is known by the question that was sent last, whichever answer comes last", () => {
  const freshness = new Freshness();
  freshness.learn(2_000, { age: 0, now: 500_000 });
  freshness.learn(1_000, { age: 0, now: 600_000 });
  assert.deepEqual(freshness.at(3_000), { age: 1_000, now: 501_000 });
});

it("a position is only what can stand in a URL", () => {
  for (const good of ["a", "1.db.747:4:2,3", "~_-.", "p".repeat(2_048)]) assert.ok(isPosition(good), good);
  for (const bad of ["", " ", "a b", "a&b", "a%20", "é", "a\n", "p".repeat(2_049)]) assert.ok(!isPosition(bad), bad);
});
