// The issuer: only what it says of itself is believed, and its keys are asked for no more often than is needed.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { it } from "node:test";

import { Verifier } from "@watchword/verifier";

import { issuerUrl } from "../dist/issuer/discover.js";
import { codeOf, header, issuer, jwt, claims, keyPair, manualClocks } from "./support/issuer.mjs";

const METADATA = "/.well-known/oauth-authorization-server";

function connect(t, url, options = {}) {
  const connecting = Verifier.fromIssuer(url, { retryForMs: 0, onWarning() {}, ...options });
  t.after(() => connecting.then((verifier) => verifier.close(), () => {}));
  return connecting;
}

it("only URLs that an issuer may have are asked", () => {
  for (const good of ["https://id.example", "https://id.example:8443", "https://id.example/tenant", "http://127.0.0.1:1", "http://localhost", "http://[::1]:8080"]) {
    assert.ok(issuerUrl(good), good);
  }
  for (const bad of [
    "", "id.example", "/x", "ftp://id.example", "http://id.example", "http://127.0.0.1.example", "http://localhost.example",
    "https://a@id.example", "https://id.example/", "https://id.example?x", "https://id.example#x", "https://", "https:/id.example",
    "https://id.example/a b", "https:\\\\id.example", " https://id.example",
  ]) {
    assert.throws(() => issuerUrl(bad), { name: "ConnectError" }, bad);
  }
});

it("the well-known place comes before the path", async (t) => {
  const own = await issuer(t);
  own.routes[`${METADATA}/a/b`] = own.routes[METADATA];
  own.metadata.issuer = `${own.url}/a/b`;
  assert.equal((await connect(t, `${own.url}/a/b`)).issuer, `${own.url}/a/b`);
});

it("an issuer is believed only what concerns itself", async (t) => {
  const own = await issuer(t);
  const good = own.metadata;
  const elsewhere = await issuer(t);
  for (const [name, value] of [
    ["issuer", `${own.url}/`], ["issuer", undefined], ["jwks_uri", `${elsewhere.url}/jwks`], ["jwks_uri", undefined],
    ["jwks_uri", "/jwks"], ["jwks_uri", own.url.replace("://", "://a@")], ["watchword_session_endpoint", "https://evil.example/session"],
    ["watchword_revocations_endpoint", `${elsewhere.url}/revocations`],
  ]) {
    own.metadata = { ...good, [name]: value };
    await assert.rejects(connect(t, own.url), { name: "ConnectError" }, `${name} ${value}`);
  }
  assert.deepEqual(elsewhere.asked, {});
});

it("no redirect is followed, and nothing endless is read or waited for", async (t) => {
  const own = await issuer(t);
  const elsewhere = await issuer(t);
  const answers = {
    redirect: [(_, response) => response.writeHead(302, { location: `${elsewhere.url}${METADATA}` }).end(), /answered 302/],
    long: [(_, response) => response.end(Buffer.alloc(256 * 1024 + 1, " ")), /more than 262144 bytes/],
    cut: [(_, response) => response.writeHead(200, { "content-length": 100 }).write("{") && setTimeout(() => response.destroy(), 10), /cut off/],
    twice: [(_, response) => response.end(`{"issuer":"${own.url}","issuer":"${own.url}"}`), /not the description/],
  };
  for (const path of [METADATA, "/jwks"]) {
    const good = own.routes[path];
    for (const [name, [route, message]] of Object.entries(answers)) {
      own.routes[path] = route;
      const expected = name === "twice" && path === "/jwks" ? /not a well-formed JWKS/ : message;
      await assert.rejects(connect(t, own.url), { message: expected }, `${path} ${name}`);
    }
    own.routes[path] = good;
  }
  assert.deepEqual(elsewhere.asked, {});
});

it("an issuer that trickles is given up after five seconds in all", { timeout: 120_000 }, async (t) => {
  const own = await issuer(t);
  // Counted in what it had the time to say: a stall of this process stops both sides.
  let said = 0;
  own.routes[METADATA] = (_, response) => {
    const timer = setInterval(() => ((said += 1), response.write(" ")), 200);
    response.once("close", () => clearInterval(timer));
  };
  await assert.rejects(connect(t, own.url), { name: "FetchError" });
  assert.ok(said > 5 && said < 40, `${said}`);
});

it("an issuer that starts later is waited for", async (t) => {
  const own = await issuer(t);
  const good = own.routes[METADATA];
  own.routes[METADATA] = (_, response) => {
    own.routes[METADATA] = good;
    response.writeHead(503).end();
  };
  await connect(t, own.url, { retryForMs: 10_000 });
  assert.equal(own.asked[METADATA], 2);
});

it("a key set is refused as a whole if one of its keys must not be trusted", async (t) => {
  const own = await issuer(t);
  const [good, rsa, ec] = [own.keys[0].jwk, keyPair("RS256", "r").jwk, keyPair("ES256", "e").jwk];
  const even = Buffer.from(rsa.n, "base64url");
  even[even.length - 1] &= 0xfe;
  // A power of 65537, which is the fingerprint of the flawed generator, and a number beside it.
  const modulus = (number) => Buffer.from(number.toString(16).padStart(514, "0"), "hex").toString("base64url");
  const roca = 65_537n ** 128n;
  for (const [what, keys] of Object.entries({
    "a modulus of the flawed generator": [good, { ...rsa, n: modulus(roca) }],
    "private members": [good, { ...ec, d: "AA" }],
    "a name twice": [good, { ...ec, kid: good.kid }],
    "a small modulus": [good, { ...rsa, n: Buffer.alloc(128, 0xff).toString("base64url") }],
    "an even modulus": [good, { ...rsa, n: even.toString("base64url") }],
    "an exponent of one": [good, { ...rsa, e: "AQ" }],
    "a point off its curve": [good, { ...ec, y: ec.x }],
    "a short point": [good, { ...good, kid: "k2", x: "AAAA" }],
    "a padded number": [good, { ...good, kid: "k2", x: `${good.x}=` }],
    "a number as kid": [good, { ...ec, kid: 1 }],
    "no key": [],
    "only a secret": [{ kty: "oct", k: "c2VjcmV0", kid: "h", alg: "HS256" }],
    "only keys for something else": [{ ...good, use: "enc" }, { ...ec, alg: "ES384" }, { ...rsa, key_ops: ["sign"] }, { ...rsa, alg: "PS256" }],
    "no object": [7],
  })) {
    own.keys = keys.map((jwk) => ({ jwk }));
    await assert.rejects(connect(t, own.url), { name: "ConnectError" }, what);
  }
  own.keys = [{ jwk: { ...rsa, n: modulus(roca + 2n) } }];
  await connect(t, own.url);
  own.keys = [good, { kty: "oct", k: "c2VjcmV0", kid: "h" }, { ...ec, crv: "P-999" }, { ...good, kid: undefined }].map((jwk) => ({ jwk }));
  await connect(t, own.url);
});

it("a secret in the key set checks nothing", async (t) => {
  const own = await issuer(t);
  const secret = createHash("sha256").update("secret").digest();
  own.keys.push({ jwk: { kty: "oct", k: secret.toString("base64url"), kid: "h", alg: "HS256" } });
  const verifier = await connect(t, own.url);
  const forged = jwt({ secret }, { alg: "HS256", typ: "at+jwt", kid: "h" }, claims(own.url));
  assert.equal(await codeOf(verifier.verify(forged)), "unknown_key");
});

it("an unknown key is looked for by one question for all, and then not again for five seconds", async (t) => {
  const own = await issuer(t);
  const clocks = manualClocks();
  const verifier = await connect(t, own.url, { clocks });
  const next = keyPair("ES256", "k2");
  const token = jwt(next, header(next), claims(own.url));
  for (let times = 0; times < 20; times += 1) assert.equal(await codeOf(verifier.verify(token)), "unknown_key");
  assert.equal(own.asked["/jwks"], 1);

  clocks.advance(5_000);
  own.keys.push(next);
  const all = await Promise.all(Array.from({ length: 20 }, () => codeOf(verifier.verify(token))));
  assert.deepEqual(new Set(all), new Set(["accepted"]));
  assert.equal(own.asked["/jwks"], 2);
});

it("a key that was taken out no longer counts, although its token is remembered", async (t) => {
  const own = await issuer(t, [keyPair("EdDSA", "k1"), keyPair("EdDSA", "k2")]);
  const clocks = manualClocks();
  const verifier = await connect(t, own.url, { clocks });
  const token = own.token({ exp: Math.floor(Date.now() / 1_000) + 3_600 });
  assert.equal(await codeOf(verifier.verify(token)), "accepted");
  own.keys.shift();
  // So long overdue that the renewal is waited for.
  clocks.advance(400_000);
  assert.equal(await codeOf(verifier.verify(token)), "unknown_key");
});

it("old keys serve while the issuer is away, but not for ever", async (t) => {
  const own = await issuer(t);
  const clocks = manualClocks();
  const warnings = [];
  const verifier = await connect(t, own.url, { clocks, keysStaleForMs: 1_000_000, onWarning: (message) => warnings.push(message) });
  const good = own.routes["/jwks"];
  own.routes["/jwks"] = (_, response) => response.writeHead(500).end();
  const check = () => codeOf(verifier.verify(own.token({}, clocks.wall())));
  clocks.advance(999_999);
  assert.equal(await check(), "accepted");
  const asked = own.asked["/jwks"];
  assert.equal(await check(), "accepted");
  assert.equal(own.asked["/jwks"], asked, "after a failure there is a pause");
  clocks.advance(1);
  assert.equal(await check(), "unavailable");
  assert.match(warnings[0], /keys could not be renewed/);
  own.routes["/jwks"] = good;
  clocks.advance(60_000);
  assert.equal(await check(), "accepted");
});

it("what cannot be meant is refused at the start", async (t) => {
  const own = await issuer(t);
  for (const options of [{ follow: undefined }, { follow: "wwv_\r\nx: y" }, { follow: "" }, { name: "a b" }, { boundMs: NaN }, { boundMs: -1 }]) {
    await assert.rejects(connect(t, own.url, options), { name: "ConnectError" }, JSON.stringify(options));
  }
  delete own.metadata.watchword_revocations_endpoint;
  await assert.rejects(connect(t, own.url, { follow: "wwv_x" }), /does not tell of revocations/);
});
