// Which tokens are let in: those of the issuer, written as it writes them, and no others.

import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { Verifier } from "@watchword/verifier";

import { claims, codeOf, encode, header, issuer, jwt, keyPair, SID } from "./support/issuer.mjs";

const ALGORITHMS = ["EdDSA", "ES256", "RS256"];

async function setUp(t, keys, options) {
  const own = await issuer(t, keys);
  const verifier = await Verifier.fromIssuer(own.url, options);
  t.after(() => verifier.close());
  return { own, verifier, key: own.keys[0], judge: (token) => codeOf(verifier.verify(token)) };
}

for (const algorithm of ALGORITHMS) {
  it(`a token signed with ${algorithm} says whose it is, the second time from memory`, async (t) => {
    const { own, verifier } = await setUp(t, [keyPair(algorithm, "k1")]);
    const token = own.token({ preferred_username: "kavya", tenant: { plan: "gold" } });
    const said = await verifier.verify(token);
    assert.deepEqual([said.sid, said.aud, said.roles, said.preferred_username], [SID, [own.url], ["clerk"], "kavya"]);
    assert.deepEqual(said.tenant, { plan: "gold" });
    assert.equal(await verifier.verify(token), said);
    assert.throws(() => said.roles.push("admin"), TypeError);
    assert.throws(() => (said.tenant.plan = "none"), TypeError);
  });
}

describe("forged", () => {
  it("alg none, in every spelling", async (t) => {
    const { own, judge } = await setUp(t);
    for (const alg of ["none", "None", "NONE", "nOnE", ""]) {
      const unsigned = `${encode({ alg, typ: "at+jwt", kid: "k1" })}.${encode(claims(own.url))}`;
      assert.equal(await judge(`${unsigned}.`), "segments");
      assert.equal(await judge(`${unsigned}.AAAA`), "algorithm");
    }
  });

  it("another key of the same name", async (t) => {
    for (const algorithm of ALGORITHMS) {
      const { own, judge } = await setUp(t, [keyPair(algorithm, "k1")]);
      const thief = keyPair(algorithm, "k1");
      assert.equal(await judge(jwt(thief, header(thief), claims(own.url))), "signature");
    }
  });

  it("HS256 with the public key as its secret", async (t) => {
    const { own, key, judge } = await setUp(t, [keyPair("RS256", "k1")]);
    for (const format of [{ type: "spki", format: "pem" }, { type: "spki", format: "der" }]) {
      const forger = { secret: key.publicKey.export(format) };
      assert.equal(await judge(jwt(forger, { alg: "HS256", typ: "at+jwt", kid: "k1" }, claims(own.url))), "algorithm_mismatch");
    }
  });

  it("one algorithm under another's name", async (t) => {
    const { own, key, judge } = await setUp(t);
    for (const alg of ["ES256", "RS256", "HS256"]) {
      assert.equal(await judge(jwt(key, { ...header(key), alg }, claims(own.url))), "algorithm_mismatch");
    }
    for (const alg of ["eddsa", "Ed25519", "PS256", "ES512"]) {
      assert.equal(await judge(jwt(key, { ...header(key), alg }, claims(own.url))), "algorithm");
    }
  });

  it("headers that ask for something", async (t) => {
    const { own, key, judge } = await setUp(t);
    const thief = keyPair("EdDSA", "k1");
    const asks = { jwk: thief.jwk, jku: "https://evil.example/jwks", x5u: "https://evil.example", x5c: ["AA"], x5t: "AA", "x5t#S256": "AA" };
    for (const [name, value] of Object.entries({ ...asks, crit: ["exp"], b64: false, zip: "DEF", cty: "JWT" })) {
      assert.equal(await judge(jwt(thief, { ...header(thief), [name]: value }, claims(own.url))), "header", name);
      assert.equal(await judge(jwt(key, { ...header(key), [name]: value }, claims(own.url))), "header", `${name}, signed`);
    }
  });

  it("headers with members twice, of wrong types, or not JSON", async (t) => {
    const { own, key, judge } = await setUp(t);
    for (const bad of [
      '{"alg":"EdDSA","alg":"none","kid":"k1","typ":"at+jwt"}',
      '{"alg":"EdDSA","\\u0061lg":"EdDSA","kid":"k1","typ":"at+jwt"}',
      '{"alg":"EdDSA","kid":null,"typ":"at+jwt"}',
      '{"alg":["EdDSA"],"kid":"k1","typ":"at+jwt"}',
      '{"kid":"k1","typ":"at+jwt"}',
      '{"alg":"EdDSA","kid":"k1","typ":"at+jwt","__proto__":{"alg":"none"}}',
      '["EdDSA"]',
      '{"alg":"EdDSA","kid":"k1","typ":"at+jwt"} x',
      '{"alg":"EdDSA","kid":"k1","typ":"at+jwt",}',
      `{"alg":"EdDSA","kid":"k1","typ":"${"a".repeat(1_024)}"}`,
    ]) {
      assert.equal(await judge(jwt(key, bad, claims(own.url))), "header", bad);
    }
  });

  it("payloads with members twice anywhere, halves of characters, or too deep", async (t) => {
    const { own, key, judge } = await setUp(t);
    const text = JSON.stringify(claims(own.url)).slice(0, -1);
    for (const bad of [
      `${text},"sub":"admin"}`,
      `${text},"s\\u0075b":"admin"}`,
      `${text},"x":{"a":1,"a":1}}`,
      `${text},"x":[{"a":1,"a":1}]}`,
      `${text},"x":"\\ud800"}`,
      `${text},"x":1e999}`,
      `${text},"x":01}`,
      `${text},"x":${"[".repeat(8)}${"]".repeat(8)}}`,
      `${text},"x":[${"1,".repeat(1_100)}1]}`,
      `${text}}{}`,
      `\ufeff${text}}`,
      "[]",
      "",
    ]) {
      assert.equal(await judge(jwt(key, header(key), bad)), "payload", bad.slice(-40));
    }
  });

  it("claims of wrong types, and missing ones", async (t) => {
    const { own, key, judge } = await setUp(t);
    const told = (more) => judge(jwt(key, header(key), { ...claims(own.url), ...more }));
    const wrong = {
      iss: [1, null], sub: ["", 1], aud: [1, [1], { a: 1 }, null], exp: ["9999999999", 9.5e9 + 0.5, null], iat: [true], nbf: [null, "1"],
      jti: ["", 7], sid: ["x", SID.toUpperCase(), SID.replaceAll("-", "")], client_id: [1], scope: [["a"]], roles: ["admin", [1], null],
      auth_time: ["1"], amr: ["pwd"], preferred_username: [1], uep: [-1, 1.5, "1", 2 ** 60], rat: [null, "1"],
    };
    for (const [name, values] of Object.entries(wrong)) {
      for (const value of values) assert.equal(await told({ [name]: value }), "claims", `${name}: ${JSON.stringify(value)}`);
    }
    const text = JSON.stringify(claims(own.url, undefined, { exp: 0 }));
    for (const exp of ["9999999999.0", "1e10", "-0"]) {
      assert.equal(await judge(jwt(key, header(key), text.replace('"exp":0', `"exp":${exp}`))), "claims", exp);
    }
    for (const name of ["iss", "sub", "aud", "exp", "iat", "jti", "sid", "client_id", "uep", "rat"]) {
      assert.equal(await told({ [name]: undefined }), "missing_claim", name);
    }
  });

  it("another kind of token, issuer, audience or time", async (t) => {
    const { own, key, judge } = await setUp(t);
    const typed = (typ) => judge(jwt(key, { ...header(key), typ }, claims(own.url)));
    for (const typ of ["JWT", "at+jwt ", "id+jwt", "application/at+jwt2", undefined]) assert.equal(await typed(typ), "type", typ);
    for (const typ of ["AT+JWT", "application/at+jwt", "Application/AT+jwt"]) assert.equal(await typed(typ), "accepted", typ);
    const told = (more, at) => judge(own.token(more, at));
    assert.equal(await told({ iss: `${own.url}/` }), "issuer");
    assert.equal(await told({ aud: [own.url.toUpperCase(), "x"] }), "audience");
    assert.equal(await told({ aud: [] }), "audience");
    assert.equal(await told({ aud: ["x", own.url] }), "accepted");
    assert.equal(await told({}, Date.now() - 606_000), "expired");
    assert.equal(await told({}, Date.now() - 590_000), "accepted");
    assert.equal(await told({}, Date.now() + 30_000), "not_yet_valid");
    assert.equal(await told({ nbf: Math.floor(Date.now() / 1_000) + 30 }), "not_yet_valid");
  });

  it("what is not three segments of canonical base64url", async (t) => {
    const { own, judge } = await setUp(t);
    const token = own.token();
    const [first, second, third] = token.split(".");
    for (const bad of ["", ".", "..", "a.b", `${token}.`, `${token}.x`, `.${second}.${third}`, `${first}.${second}.`]) {
      assert.equal(await judge(bad), "segments", bad);
    }
    for (const bad of [`${first}.${second}.${third}=`, `${first}.${second}.${third} `, `${first}.+${second}.${third}`, `${first}=.${second}.${third}`]) {
      assert.equal(await judge(bad), "encoding", bad);
    }
    // 64 bytes leave two bits of the last character unused.
    const last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const bent = last[last.indexOf(third.at(-1)) + 1];
    assert.equal(await judge(`${first}.${second}.${third.slice(0, -1)}${bent}`), "encoding");
    assert.equal(await judge(`${first}.${second}.${third.slice(0, -2)}`), "signature");
    assert.equal(await judge("a".repeat(8_193)), "too_long");
  });
});

it("every character of a token counts", async (t) => {
  const { own, judge } = await setUp(t);
  const token = own.token();
  for (let at = 0; at < token.length; at += 1) {
    const bent = `${token.slice(0, at)}${token[at] === "A" ? "B" : "A"}${token.slice(at + 1)}`;
    assert.notEqual(await judge(bent), "accepted", `at ${at}`);
  }
  assert.equal(await judge(token), "accepted");
});

it("a route may demand a login within so many seconds, and says so", async (t) => {
  const { own, verifier } = await setUp(t);
  const at = Math.floor(Date.now() / 1_000);
  const enter = (auth_time) => verifier.authenticate([`Bearer ${own.token({ auth_time })}`], { authenticatedWithinSeconds: 600 });
  assert.equal((await enter(at - 600)).subject, claims(own.url).sub);
  for (const late of [at - 700, undefined]) {
    await assert.rejects(enter(late), (rejection) => {
      const { status, headers } = rejection.answer();
      assert.deepEqual([rejection.code, status], ["insufficient_user_authentication", 401]);
      assert.match(headers["www-authenticate"], /^Bearer error="insufficient_user_authentication", .*, max_age="600"$/);
      return true;
    });
  }
});
