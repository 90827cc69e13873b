// Following the revocations of an issuer that behaves as a test wants: what proves, what does not, and when it is asked.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { it } from "node:test";

import { Verifier } from "@watchword/verifier";

import { Pause } from "../dist/pause.js";
import { claims, codeOf, frame, idOf, issuer, manualClocks, NOW, sessionFrame, SID, u32, u64, until, USER, watermark } from "./support/issuer.mjs";

const OTHER = "0190a5c4-7d2e-7000-8000-000000000002";
const QUESTIONS = "/revocations";
const STREAM = "/revocations/stream";

/** An issuer with a feed: `said` answers questions; `tell` speaks on the streams that are open. */
async function feed(t, said = () => [watermark()], tls = undefined) {
  const own = await issuer(t, undefined, tls);
  const streams = new Set();
  const bytes = (response, parts) => response.writeHead(200, { "content-type": "application/vnd.watchword.revocations" }).end(Buffer.concat(parts));
  Object.assign(own, { said, questions: [], streams, tell: (...parts) => streams.forEach((stream) => stream.write(Buffer.concat(parts))) });
  own.routes[QUESTIONS] = (request, response) => {
    own.questions.push({ at: performance.now(), ...Object.fromEntries(new URL(request.url, own.url).searchParams), credential: request.headers.authorization });
    bytes(response, own.said(own.questions.length));
  };
  own.routes[STREAM] = (_, response) => {
    response.writeHead(200).write(watermark());
    streams.add(response);
    response.once("close", () => streams.delete(response));
  };
  return own;
}

async function follow(t, own, options = {}) {
  const warnings = [];
  const all = { follow: "wwv_test", retryForMs: 0, onWarning: (message) => warnings.push(message), ...options };
  const verifier = await Verifier.fromIssuer(own.url, all);
  t.after(() => verifier.close());
  return { verifier, warnings, judge: (more, at, how) => codeOf(verifier.verify(own.token(more, at), how)) };
}

/** Waits for what is promised soon. */
async function promptly(promise, what) {
  let isDone = false;
  await Promise.all([promise.finally(() => (isDone = true)), until(() => isDone, what)]);
}

it("nothing is ready before the first answer is whole and understood", async (t) => {
  for (const [bad, message] of [
    [[sessionFrame(SID)], /cut off/],
    [[watermark().subarray(0, -1)], /cut off/],
    [[watermark(), frame(0x11)], /cut off/],
    [[], /cut off/],
    [[frame(0x77, "later"), watermark()], /does not know/],
  ]) {
    const why = async () => follow(t, await feed(t, () => bad)).then(() => "nothing", (error) => error.message);
    let said = await why();
    // Of a stall of this process.
    for (let times = 0; /did not answer within/.test(said) && times < 10; times += 1) said = await why();
    assert.match(said, message);
  }
  const own = await feed(t);
  own.routes[QUESTIONS] = (_, response) => response.writeHead(401).end();
  await assert.rejects(follow(t, own, { retryForMs: 10_000 }), { status: 401 });
  assert.equal(own.asked[QUESTIONS], 1, "another try would not help");
});

it("questions say who asks and where to go on", async (t) => {
  const own = await feed(t, (count) => [watermark(`p${count}`)]);
  await follow(t, own, { name: "orders-1", boundMs: 60 });
  await until(() => own.questions.length > 2);
  const [first, second] = own.questions;
  assert.deepEqual([first.credential, first.name, first.position, first.wait], ["Bearer wwv_test", "orders-1", undefined, "0"]);
  assert.match(second.position, /^p1$/);
});

it("a third of the bound passes between two questions", async (t) => {
  const own = await feed(t);
  await follow(t, own, { boundMs: 1_200 });
  await until(() => own.questions.length >= 4);
  const [one, two, three] = own.questions.slice(1).map(({ at }) => at);
  for (const gap of [two - one, three - two]) assert.ok(gap >= 395, `${gap}`);
});

it("after news a question acknowledges it, long before one is due", async (t) => {
  const own = await feed(t);
  const { judge } = await follow(t, own, { boundMs: 3_600_000 });
  await until(() => own.streams.size === 1 && own.questions.length === 2);
  const told = performance.now();
  own.tell(sessionFrame(SID), watermark("p9"));
  await until(() => own.questions.length === 3);
  t.diagnostic(`a question ${(own.questions[2].at - told).toFixed(0)} ms after the news`);
  assert.equal(own.questions[2].position, "p9");
  assert.equal(await judge(), "revoked");
});

it("pauses grow up to a longest, and each is shortened by up to half", () => {
  for (let times = 0; times < 100; times += 1) {
    const pause = new Pause();
    for (const longest of [50, 100, 200, 300, 300]) {
      const ms = pause.next(300);
      assert.ok(ms >= longest / 2 && ms <= longest, `${ms} of ${longest}`);
    }
    pause.reset();
    assert.ok(pause.next(300) <= 50);
  }
});

it("what comes on a stream holds within milliseconds", async (t) => {
  const own = await feed(t);
  // The next question is due in twenty minutes, so whatever holds came on the stream.
  const { verifier } = await follow(t, own, { boundMs: 3_600_000 });
  await until(() => own.streams.size === 1);
  const elapsed = [];
  for (let number = 0; number < 50; number += 1) {
    const sid = `0190a5c4-7d2e-7000-8000-${String(number).padStart(12, "0")}`;
    const withdrawn = verifier.untilWithdrawn(claims(own.url, Date.now(), { sid }));
    const begun = performance.now();
    own.tell(sessionFrame(sid), watermark("p2"));
    await promptly(withdrawn, sid);
    elapsed.push(performance.now() - begun);
  }
  elapsed.sort((one, other) => one - other);
  const [p50, max] = [elapsed[25], elapsed.at(-1)];
  t.diagnostic(`from the issuer's socket to its effect: p50 ${p50.toFixed(2)} ms, max ${max.toFixed(2)} ms, of 50`);
});

it("an answer with very much in it is heeded to its end, and keeps nobody waiting for long", async (t) => {
  const sids = Array.from({ length: 60_000 }, (_, number) => `0190a5c4-7d2e-7000-8000-${String(number).padStart(12, "0")}`);
  const frames = sids.map((sid) => sessionFrame(sid));
  const own = await feed(t, () => [...frames, watermark()]);
  const turns = [performance.now()];
  const counting = setInterval(() => turns.push(performance.now()));
  const { judge } = await follow(t, own);
  clearInterval(counting);
  for (const at of [0, 4_999, 5_000, 30_000, 59_999]) assert.equal(await judge({ sid: sids[at] }), "revoked");
  assert.equal(await judge({ sid: USER }), "accepted");
  assert.ok(turns.length > 10, `${turns.length}`);
});

/** An issuer without streams that answers at once: the questions that wait. */
async function relays(t, said, boundMs, options = {}) {
  const own = await feed(t, said);
  own.routes[STREAM] = (_, response) => response.writeHead(404).end();
  await follow(t, own, { boundMs, ...options });
  return () => own.questions.filter(({ wait }) => wait === String(Math.min(boundMs / 3, 25_000)));
}

it("two relays of one name that tell everything again and again are given a rest", { timeout: 300_000 }, async (t) => {
  const waiting = await relays(t, (count) => [sessionFrame(SID), watermark(`p${count}`)], 300);
  await until(() => waiting().length >= 6);
  const asked = waiting().map(({ at }) => at);
  assert.ok(asked[5] - asked[0] >= 0.8 * 5 * 100, `${asked}`);
});

it("what a full set has no room for is no news each time it is told", { timeout: 300_000 }, async (t) => {
  const waiting = await relays(t, (count) => [sessionFrame(SID), sessionFrame(OTHER), watermark(`p${count}`)], 300, { capacity: 1 });
  await until(() => waiting().length >= 6);
  const asked = waiting().map(({ at }) => at);
  assert.ok(asked[5] - asked[0] >= 0.8 * 5 * 100, `${asked}`);
});

it("where streams are held back, whoever was told something new asks again at once", { timeout: 300_000 }, async (t) => {
  const sid = (count) => SID.slice(0, -4) + String(count).padStart(4, "0");
  const waiting = await relays(t, (count) => [sessionFrame(sid(count)), watermark(`p${count}`)], 3_600_000);
  // Without news there would be two in a minute.
  await until(() => waiting().length >= 6);
});

it("each kind of entry refuses what it is about, and nothing else", async (t) => {
  const at = Date.now();
  const user = idOf(USER);
  for (const [entry, refuses, admits] of [
    [sessionFrame(SID), {}, { sid: OTHER }],
    [frame(2, u32(600), user, u64(2)), { uep: 1 }, { uep: 2 }],
    [frame(4, u32(600), u64(at)), {}, { rat: at + 1 }],
    [frame(5, u32(600), u64(at), "web"), {}, { client_id: "other" }],
  ]) {
    const own = await feed(t, () => [entry, watermark()]);
    const { judge } = await follow(t, own);
    assert.equal(await judge(refuses, at), "revoked");
    assert.equal(await judge(admits, at), "accepted");
  }
  const own = await feed(t, () => [frame(3, u32(600), "k1"), watermark()]);
  assert.equal(await (await follow(t, own)).judge({}, at), "revoked");
});

it("time passes by the clock that says more of it, and what is dated is judged by the issuer's", async (t) => {
  const own = await feed(t, () => [watermark("p1", { now: NOW })]);
  own.routes[STREAM] = (_, response) => response.writeHead(503).end();
  const clocks = manualClocks();
  const { verifier, judge } = await follow(t, own, { clocks, boundMs: 600_000 });
  const old = { rat: NOW - 500_000, iat: NOW / 1_000 - 500, exp: NOW / 1_000 + 36_000 };
  assert.equal(verifier.age(), 0);
  assert.equal(await judge(old, NOW), "accepted");
  clocks.at.steady += 400_000;
  assert.equal(verifier.age(), 400_000);
  clocks.at.wall -= 3_600_000;
  assert.equal(verifier.age(), 400_000, "a clock was set back");
  clocks.at.wall += 200_001;
  assert.equal(verifier.age(), 600_001, "the machine slept after that");
  assert.equal(await judge(old, NOW), "stale");
  assert.equal(await judge({}, NOW + 600_000), "accepted", "it proves by itself that it was live");
  assert.equal(await judge({}, NOW + 600_001 + 4_000), "stale", "a clock was set: it proves nothing");
  assert.equal(await judge({}, NOW - 10_000), "expired");
  clocks.advance(300_000);
  assert.equal(await judge({}, NOW + 900_000), "stale", "nothing proves itself after a quarter of an hour of silence");
});

it("a withdrawn key counts for nothing although its entry has ended and a cache still has the key", async (t) => {
  const own = await feed(t, () => [frame(3, u32(900), "k1"), watermark("p1", { now: NOW })]);
  const { judge } = await follow(t, own, { boundMs: 60 });
  assert.equal(await judge({}, NOW), "revoked");
  for (const minutes of [20, 59]) {
    own.said = () => [watermark(`p${minutes}`, { now: NOW + minutes * 60_000 })];
    await until(() => own.questions.some(({ position }) => position === `p${minutes}`));
    assert.equal(await judge({}, NOW + minutes * 60_000), "revoked", `after ${minutes} minutes`);
  }
});

it("after a silence that may have hidden the withdrawal of a key, keys are fetched before anybody is admitted", async (t) => {
  const own = await feed(t, () => [watermark("p1", { now: NOW })]);
  const clocks = manualClocks();
  const { judge } = await follow(t, own, { clocks, boundMs: 60 });
  assert.equal(await judge({}, NOW), "accepted");
  const published = own.routes["/jwks"];
  own.routes["/jwks"] = (_, response) => response.writeHead(503).end();
  // What is asked from then on is answered so: a question that is under way is of before.
  const later = async (position, ms) => {
    clocks.advance(ms);
    const { length } = own.questions;
    await until(() => own.questions.length > length + 1);
    own.said = () => [watermark(position, { now: NOW + clocks.at.steady })];
  };
  await later("p2", 1_000_000);
  await until(() => own.questions.some(({ position }) => position === "p2"));
  assert.equal(await judge({}, NOW + 1_000_000), "unavailable");
  own.routes["/jwks"] = published;
  await later("p3", 5_000);
  await until(async () => (await judge({}, NOW + 1_005_000)) === "accepted");
});

it("what had expired stays so, although the issuer's clock is set back", async (t) => {
  const own = await feed(t, () => [watermark("p1", { now: NOW + 700_000 })]);
  const { judge } = await follow(t, own, { boundMs: 30 });
  assert.equal(await judge({}, NOW), "expired");
  own.said = () => [watermark("p2", { now: NOW })];
  await until(() => own.questions.some(({ position }) => position === "p2"));
  assert.equal(await judge({}, NOW), "expired");
});

it("each way to go on while the issuer is silent is the route's choice", async (t) => {
  const own = await feed(t, () => [watermark("p1", { now: NOW })]);
  const clocks = manualClocks();
  const { verifier, judge, warnings } = await follow(t, own, { clocks, boundMs: 600_000 });
  clocks.advance(600_001);
  const old = { exp: NOW / 1_000 + 36_000 };
  assert.equal(await judge(old, NOW), "stale");
  assert.equal(await judge(old, NOW, { whenStale: "deny" }), "unavailable");
  assert.equal(await judge(old, NOW, { whenStale: "until_exp" }), "accepted");
  assert.equal(await judge({}, NOW - 10_000, { whenStale: "until_exp" }), "expired");
  assert.equal(verifier.admittedStale, 1);
  assert.match(warnings.join(), /although it is not known/);

  const shown = [];
  own.routes["/session"] = (request, response) => {
    shown.push(request.headers.authorization);
    response.end(JSON.stringify({ session_id: SID }));
  };
  const all = await Promise.all(Array.from({ length: 10 }, () => judge(old, NOW, { whenStale: "introspect" })));
  assert.deepEqual(new Set(all), new Set(["accepted"]));
  assert.equal(await judge(old, NOW, { whenStale: "introspect" }), "accepted");
  assert.equal(shown.length, 1, "one question for all");
  assert.match(shown[0], /^Bearer ey/);

  assert.equal(await judge({ ...old, sid: OTHER }, NOW, { whenStale: "introspect" }), "unavailable", "it speaks of another session");
  clocks.advance(500);
  own.routes["/session"] = (_, response) => response.writeHead(401).end();
  assert.equal(await judge({ ...old, sid: OTHER }, NOW, { whenStale: "introspect" }), "revoked");
  own.routes["/session"] = (_, response) => response.writeHead(500).end();
  assert.equal(await judge({ ...old, sid: USER }, NOW, { whenStale: "introspect" }), "unavailable");
});

it("an answer with something unknown in it is heeded, and the next without proves again", async (t) => {
  const own = await feed(t);
  const { verifier, judge } = await follow(t, own, { boundMs: 300 });
  own.said = () => [sessionFrame(SID), frame(0x77, "later"), watermark("p7")];
  await until(() => verifier.age() > 300);
  assert.equal(await judge(), "revoked");
  assert.equal(await judge({ sid: OTHER }, Date.now() - 60_000), "stale");
  own.said = () => [watermark("p8")];
  await until(async () => (await judge({ sid: OTHER }, Date.now() - 60_000)) === "accepted");
  assert.ok(own.questions.every(({ position }) => position !== "p7"), "so that it comes again");
});

it("a stream with something unknown in it is heeded, but its positions are not used any more", async (t) => {
  const own = await feed(t);
  const { judge } = await follow(t, own, { boundMs: 300 });
  await until(() => own.streams.size === 1);
  own.tell(frame(0x77, "later"), sessionFrame(SID), watermark("p7"));
  own.tell(watermark("p8"));
  await until(async () => (await judge()) === "revoked");
  const asked = own.questions.length;
  await until(() => own.questions.length > asked + 2);
  assert.ok(own.questions.every(({ position }) => !["p7", "p8"].includes(position)));
});

it("where streams are held back, questions wait instead", { timeout: 300_000 }, async (t) => {
  const own = await feed(t);
  own.routes[STREAM] = (_, response) => {
    // A proxy that keeps all to itself until the end.
    response.writeHead(200).write(watermark());
    own.streams.add(response);
    response.once("close", () => own.streams.delete(response));
  };
  const { judge } = await follow(t, own, { boundMs: 900 });
  await until(() => own.streams.size === 1);
  assert.ok(own.questions.every(({ wait }) => wait === "0"));
  own.said = () => [sessionFrame(SID), watermark("p2")];
  await until(() => own.questions.some(({ wait }) => wait === "300"));
  await until(() => own.streams.size === 0);
  assert.equal(await judge(), "revoked");
});

it("where there are no streams at all, questions wait instead", { timeout: 300_000 }, async (t) => {
  const own = await feed(t);
  const tries = [];
  own.routes[STREAM] = (_, response) => {
    tries.push(performance.now());
    response.writeHead(404).end();
  };
  await follow(t, own, { boundMs: 300 });
  await until(() => own.questions.some(({ wait }) => wait === "100"));
  assert.equal(tries.length, 3);
  assert.ok(tries[1] - tries[0] >= 24 && tries[2] - tries[1] >= 49, `${tries}`);
});

it("a stream that is not held back is kept, although a question was quicker", { timeout: 300_000 }, async (t) => {
  // If this process stands still the stream is late, or silent for too long: that trial says nothing, and there is another one.
  for (let trial = 0; ; trial += 1) {
    const own = await feed(t);
    await follow(t, own, { boundMs: 300 });
    await until(() => own.streams.size === 1);
    const begun = performance.now();
    const news = [sessionFrame(SID), watermark("p2")];
    own.said = () => news;
    const asked = own.questions.length;
    await until(() => own.questions.length > asked + 1);
    own.tell(...news);
    const told = performance.now();
    await until(() => performance.now() > told + 1_300);
    if (told - begun > 800 || performance.now() - told > 2_000) {
      assert.ok(trial < 10, "this process stands still all the time");
      continue;
    }
    assert.equal(own.asked[STREAM], 1);
    return;
  }
});

it("after failures the pauses grow, up to a third of the bound, and Retry-After is heeded", async (t) => {
  const own = await feed(t);
  const good = own.routes[QUESTIONS];
  const { warnings, verifier } = await follow(t, own, { boundMs: 900 });
  const failed = [];
  own.routes[QUESTIONS] = (_, response) => {
    failed.push(performance.now());
    response.writeHead(503, failed.length === 7 ? { "retry-after": "1" } : {}).end();
  };
  await until(() => failed.length >= 8);
  const gaps = failed.slice(1).map((at, index) => at - failed[index]);
  for (const [index, longest] of [50, 100, 200, 300, 300, 300].entries()) assert.ok(gaps[index] >= longest / 2 - 2, `${gaps}`);
  assert.ok(gaps[6] >= 990, `${gaps}`);
  own.routes[QUESTIONS] = good;
  await until(() => verifier.age() < 300);
  // Once when it begins, once when it is over; a stall of this process is trouble too.
  const [begins, over] = ["the revocations cannot be asked for", "the issuer tells of revocations again"];
  const expected = Array.from({ length: warnings.length / 2 }, () => [begins, over]).flat();
  assert.ok(expected.length >= 2, `${warnings}`);
  assert.deepEqual(warnings.map((warning) => warning.replace(/:.*/, "")), expected);
});

it("who waits for a session hears of its end, of a silence that hides it, and of the verifier's own end", async (t) => {
  const own = await feed(t);
  const clocks = manualClocks();
  const { verifier } = await follow(t, own, { boundMs: 300, clocks });
  const ended = [];
  const wait = (name, more, options) => verifier.untilWithdrawn(claims(own.url, clocks.wall(), more), options).then(() => ended.push(name));
  const leaver = new AbortController();
  const short = Math.floor(clocks.wall() / 1_000) + 60;
  const all = [wait("withdrawn"), wait("unheard", { sid: OTHER, exp: short }), wait("closed", { sid: USER }), wait("left", { sid: USER }, { signal: leaver.signal })];
  await until(() => own.streams.size === 1);
  assert.deepEqual(ended, []);
  leaver.abort();
  await all[3];
  own.tell(sessionFrame(SID), watermark("p2"));
  await all[0];
  assert.deepEqual(ended, ["left", "withdrawn"]);

  const good = own.routes[QUESTIONS];
  let refused = 0;
  own.routes[QUESTIONS] = (_, response) => ((refused += 1), response.writeHead(503).end());
  // What was asked before has been answered by then.
  await until(() => refused > 1);
  clocks.advance(61_000);
  await until(() => refused > 3);
  assert.ok(verifier.age() > 60_000);
  assert.deepEqual(ended, ["left", "withdrawn"]);
  own.routes[QUESTIONS] = good;
  await all[1];
  verifier.close();
  await all[2];
  assert.deepEqual(ended, ["left", "withdrawn", "unheard", "closed"]);
  await verifier.untilWithdrawn(claims(own.url));
});

it("over https too, if the authority is trusted; and the process can end", { timeout: 300_000 }, async (t) => {
  const file = (name) => readFileSync(new URL(`../../../tests/support/postgres/tls/${name}`, import.meta.url));
  const own = await feed(t, () => [sessionFrame(OTHER), watermark()], { cert: file("server.pem"), key: file("server.key.pem") });
  await assert.rejects(follow(t, own), { name: "FetchError", message: /certificate/ });
  const { judge } = await follow(t, own, { ca: file("authority.pem") });
  assert.equal(await judge(), "accepted");
  assert.equal(await judge({ sid: OTHER }), "revoked");

  const program = `
    import { Verifier } from "@watchword/verifier";
    const verifier = await Verifier.fromIssuer("${own.url}", { follow: "wwv_test", retryForMs: 60_000, ca: ${JSON.stringify(file("authority.pem").toString())} });
    await new Promise((resolve) => setTimeout(resolve, 200));
    console.log(verifier.age() < 5000);
  `;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", program], { cwd: new URL("..", import.meta.url), timeout: 120_000 });
  let printed = "";
  for (const output of [child.stdout, child.stderr]) output.on("data", (text) => (printed += text));
  const [code] = await once(child, "close");
  assert.deepEqual([code, printed], [0, "true\n"]);
});
