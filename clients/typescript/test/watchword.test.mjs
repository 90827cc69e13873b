// Against Watchword itself: a logout holds here at once, and after a stated bound when the network is cut.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { it } from "node:test";

import { Verifier } from "@watchword/verifier";

import { post, relaying, running } from "../../../tests/support/watchword.mjs";
import { codeOf, encode, jwt, keyPair, until } from "./support/issuer.mjs";
import { network } from "./support/proxy.mjs";

const whole = { timeout: 300_000 };
const AUDIENCE = "https://api.example.org";

/** A server behind a network that can be cut, and a verifier that follows it. */
async function setUp(t, options = {}) {
  const net = await network(t);
  const settings = { PUBLIC_URL: net.url, TOKENS_AUDIENCE: AUDIENCE };
  const server = await running(t, { settings, verifiers: ["orders"] });
  net.target = server.url;
  const follow = server.credentials.orders;
  const verifier = await Verifier.fromIssuer(net.url, { audience: AUDIENCE, follow, name: "orders-1", boundMs: 60_000, onWarning() {}, ...options });
  t.after(() => verifier.close());
  return { net, server, verifier, judge: (token, how) => codeOf(verifier.verify(token, how)) };
}

const logOut = (server, token) => post(`${server.url}/logout`, undefined, token);
const soon = () => new Promise((resolve) => setImmediate(resolve));

it("a logout is honoured within milliseconds", whole, async (t) => {
  // The next question is due in twenty minutes, so whatever is refused was told by the stream.
  const { server, verifier, judge } = await setUp(t, { boundMs: 3_600_000 });
  const elapsed = [];
  for (let times = 0; times < 20; times += 1) {
    const { access_token: token } = await server.login();
    assert.equal((await verifier.verify(token)).preferred_username, "kavya");
    assert.equal((await logOut(server, token)).status, 200);
    const begun = performance.now();
    while ((await judge(token)) === "accepted") {
      assert.ok(performance.now() - begun < 60_000, "it is still accepted");
      await soon();
    }
    elapsed.push(performance.now() - begun);
    assert.equal(await judge(token), "revoked");
  }
  elapsed.sort((one, other) => one - other);
  const [p50, max] = [elapsed[elapsed.length / 2], elapsed.at(-1)].map((ms) => ms.toFixed(1));
  t.diagnostic(`from the acknowledgement of a logout to its effect: p50 ${p50} ms, max ${max} ms, of ${elapsed.length}`);
});

it("behind a relay a logout is honoured, and without one the verifier says who is not there", whole, async (t) => {
  const server = await running(t, { verifiers: ["relay"] });
  const relay = await relaying(t, server.url, server.credentials.relay);
  const options = { follow: relay.secret, relay: `${relay.url}/revocations`, onWarning() {} };
  const verifier = await Verifier.fromIssuer(server.url, options);
  t.after(() => verifier.close());
  const { access_token: token } = await server.login();
  assert.equal(await codeOf(verifier.verify(token)), "accepted");
  assert.equal((await logOut(server, token)).status, 200);
  await until(async () => (await codeOf(verifier.verify(token))) === "revoked");
  const refused = Verifier.fromIssuer(server.url, { ...options, follow: "wwv_nonsense", retryForMs: 0 });
  await assert.rejects(refused, { message: /401/ });
  await assert.rejects(Verifier.fromIssuer(server.url, { ...options, relay: "http://relay.example/revocations" }), /relay\.example/);
});

it("cut off, it accepts nothing for longer than the bound, but refreshed tokens; then it reconnects", whole, async (t) => {
  const boundMs = 2_000;
  const { net, server, verifier, judge } = await setUp(t, { boundMs });
  const [gone, stays] = [await server.login(), await server.login()];
  // Until the tokens prove nothing by themselves any more. A stall of this machine may leave it too little known for a moment.
  const { rat } = JSON.parse(Buffer.from(stays.access_token.split(".")[1], "base64url"));
  await until(() => Date.now() - rat > boundMs + 200);
  for (const { access_token: token } of [gone, stays]) await until(async () => (await judge(token)) === "accepted");

  net.cut();
  await logOut(server, gone.access_token);
  const ended = performance.now();
  let lastAccepted = ended;
  await until(async () => {
    const asked = performance.now();
    const code = await judge(gone.access_token);
    if (code === "accepted") lastAccepted = asked;
    return code === "stale";
  });
  const heldOut = lastAccepted - ended;
  assert.ok(heldOut < boundMs, `accepted ${heldOut} ms after the logout`);
  t.diagnostic(`cut off with a bound of ${boundMs} ms: last accepted ${heldOut.toFixed(0)} ms after the logout`);
  assert.ok(verifier.age() > boundMs);
  assert.equal(await judge(stays.access_token), "stale");
  assert.equal(await judge(stays.access_token, { whenStale: "deny" }), "unavailable");
  assert.equal(await judge(stays.access_token, { whenStale: "introspect" }), "unavailable");
  assert.equal(await judge(gone.access_token, { whenStale: "until_exp" }), "accepted");

  // It proves itself by how new it is, if it is shown before it is as old as the bound.
  let refreshed = stays;
  await until(async () => {
    refreshed = await (await post(`${server.url}/refresh`, undefined, refreshed.refresh_token)).json();
    return (await judge(refreshed.access_token)) === "accepted";
  });

  net.mend();
  const mended = performance.now();
  await until(async () => (await judge(stays.access_token)) === "accepted");
  t.diagnostic(`reconnected ${(performance.now() - mended).toFixed(0)} ms after the network was mended`);
  assert.equal(await judge(gone.access_token), "revoked");
  net.reset();
  const { access_token: late } = await server.login();
  await logOut(server, late);
  await until(async () => (await judge(late)) === "revoked");
});

it("where the feed alone is out of reach, a route may have the issuer asked about a session", whole, async (t) => {
  const { net, server, verifier, judge } = await setUp(t, { boundMs: 300 });
  const [gone, stays] = [await server.login(), await server.login()];
  verifier.close();
  await until(async () => (await judge(stays.access_token)) === "stale");
  await logOut(server, gone.access_token);
  const introspect = { whenStale: "introspect" };
  // The issuer may be slow to answer.
  await until(async () => (await judge(stays.access_token, introspect)) === "accepted");
  await until(async () => (await judge(gone.access_token, introspect)) === "revoked");
  net.cut();
  await until(async () => (await judge(stays.access_token, introspect)) === "unavailable");
});

it("who waits for a session is told of its end", whole, async (t) => {
  const { server, verifier } = await setUp(t);
  const [gone, stays] = [await server.login(), await server.login()];
  const ended = [];
  for (const [name, { access_token: token }] of Object.entries({ gone, stays })) {
    void verifier.untilWithdrawn(await verifier.verify(token)).then(() => ended.push(name));
  }
  await logOut(server, gone.access_token);
  await until(() => ended.length > 0);
  assert.deepEqual(ended, ["gone"]);
});

for (const which of [["--everybody", "--yes"], ["--client", "first-party"]]) {
  it(`all that was issued before session end ${which[0]} is refused, and what is issued next is not`, whole, async (t) => {
    const { server, judge } = await setUp(t);
    const logins = [await server.login("kavya"), await server.login("arjun")];
    for (const { access_token: token } of logins) assert.equal(await judge(token), "accepted");
    server.run("session", "end", ...which);
    for (const { access_token: token } of logins) await until(async () => (await judge(token)) === "revoked");
    assert.equal(await judge((await server.login()).access_token), "accepted");
  });
}

it("a role that is taken away is gone at once, and a refresh goes on without it", whole, async (t) => {
  const { server, verifier, judge } = await setUp(t);
  const { access_token: token, refresh_token: refresh } = await server.login();
  assert.deepEqual((await verifier.verify(token)).roles, ["admin"]);
  server.run("user", "set-roles", "kavya", "clerk");
  await until(async () => (await judge(token)) === "revoked");
  const refreshed = await (await post(`${server.url}/refresh`, undefined, refresh)).json();
  assert.deepEqual((await verifier.verify(refreshed.access_token)).roles, ["clerk"]);
});

it("forged tokens are refused", whole, async (t) => {
  const { net, server, judge } = await setUp(t);
  const { access_token: token } = await server.login();
  const [header, payload, signature] = token.split(".");
  const { kid, alg } = JSON.parse(Buffer.from(header, "base64url"));
  const said = Buffer.from(payload, "base64url").toString();
  const { keys } = await (await fetch(`${net.url}/.well-known/jwks.json`)).json();
  const thief = keyPair(alg, kid);
  const own = { alg, typ: "at+jwt", kid };
  const admin = said.replace(/"roles":\[[^\]]*\]/, '"roles":["root"]');
  assert.notEqual(admin, said);
  for (const [what, forged, code] of [
    ["alg none", `${encode({ ...own, alg: "none" })}.${payload}.`, "segments"],
    ["another key", jwt(thief, own, said), "signature"],
    ["HS256 with the public key", jwt({ secret: Buffer.from(keys[0].x, "base64url") }, { ...own, alg: "HS256" }, said), "algorithm_mismatch"],
    ["jwk", jwt(thief, { ...own, jwk: thief.jwk }, said), "header"],
    ["jku", jwt(thief, { ...own, jku: "https://evil.example/jwks" }, said), "header"],
    ["crit", jwt(thief, { ...own, crit: ["exp"] }, said), "header"],
    ["other claims", `${header}.${encode(admin)}.${signature}`, "signature"],
    ["another typ", jwt(thief, { ...own, typ: "JWT" }, said), "signature"],
    ["an unknown key", jwt(thief, { ...own, kid: "other" }, said), "unknown_key"],
    ["a refresh token", (await server.login()).refresh_token, "segments"],
  ]) {
    assert.equal(await judge(forged), code, what);
  }
  assert.equal(await judge(token), "accepted");
});

it("a process that has nothing else to do ends", whole, async (t) => {
  const { net, server } = await setUp(t);
  const { access_token: token } = await server.login();
  const program = `
    import { Verifier } from "@watchword/verifier";
    const verifier = await Verifier.fromIssuer("${net.url}", { audience: "${AUDIENCE}", follow: process.env.CREDENTIAL, retryForMs: 60_000 });
    console.log((await verifier.verify("${token}")).preferred_username);
    // The stream is open, and there was time for a question beside it.
    await new Promise((resolve) => setTimeout(resolve, 300));
    console.log(verifier.age() < 5000);
  `;
  const env = { ...process.env, CREDENTIAL: server.credentials.orders };
  const child = spawn(process.execPath, ["--input-type=module", "--eval", program], { cwd: new URL("..", import.meta.url), env, timeout: 120_000 });
  let printed = "";
  child.stdout.on("data", (text) => (printed += text));
  child.stderr.on("data", (text) => (printed += text));
  const [code] = await once(child, "close");
  assert.deepEqual([code, printed], [0, "kavya\ntrue\n"]);
});
