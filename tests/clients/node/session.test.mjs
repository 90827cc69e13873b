// A Node program keeps a session going and ends it.

import assert from "node:assert/strict";
import { it } from "node:test";

import { dashboard, post, running } from "../../support/watchword.mjs";

const whole = { timeout: 300_000 };

it("a session is refreshed twice, and each token is a new one", whole, async (t) => {
  const server = await running(t);
  const seen = [await server.login()];
  // Once in the header, once in the body as in OAuth (RFC 6749 §6).
  const answers = [
    (token) => post(`${server.url}/refresh`, undefined, token),
    (token) => post(`${server.url}/refresh`, { refresh_token: token }),
  ];
  for (const refresh of answers) {
    const answer = await refresh(seen.at(-1).refresh_token);
    assert.equal(answer.status, 200);
    seen.push(await answer.json());
  }
  assert.equal(new Set(seen.map((tokens) => tokens.access_token)).size, 3);
  assert.equal(new Set(seen.map((tokens) => tokens.refresh_token)).size, 3);
  assert.equal(new Set(seen.map((tokens) => tokens.session_id)).size, 1);
  for (const { access_token } of seen) assert.equal((await dashboard(server.url, access_token)).status, 200);
});

it("a lost reply does no harm: the same token gives the same successor again", whole, async (t) => {
  const server = await running(t);
  const { refresh_token } = await server.login();
  const [one, two] = await Promise.all([1, 2].map(() => post(`${server.url}/refresh`, undefined, refresh_token)));
  assert.deepEqual([one.status, two.status], [200, 200]);
  assert.equal((await one.json()).refresh_token, (await two.json()).refresh_token);
});

it("a stolen refresh token that comes back ends the session and all that it handed out", whole, async (t) => {
  const server = await running(t);
  const first = await server.login();
  const second = await (await post(`${server.url}/refresh`, undefined, first.refresh_token)).json();
  const third = await (await post(`${server.url}/refresh`, undefined, second.refresh_token)).json();
  assert.equal((await post(`${server.url}/refresh`, undefined, first.refresh_token)).status, 401);
  assert.equal((await post(`${server.url}/refresh`, undefined, third.refresh_token)).status, 401);
  for (const { access_token } of [first, second, third]) {
    assert.equal((await dashboard(server.url, access_token)).status, 401);
  }
});

for (const credential of ["access_token", "refresh_token"]) {
  it(`a logout with the ${credential} stops both tokens, and only this session`, whole, async (t) => {
    const server = await running(t);
    const [tokens, elsewhere] = [await server.login(), await server.login()];
    const answer = await post(`${server.url}/logout`, undefined, tokens[credential]);
    assert.equal((await answer.json()).ended, true);
    assert.equal((await dashboard(server.url, tokens.access_token)).status, 401);
    assert.equal((await post(`${server.url}/refresh`, undefined, tokens.refresh_token)).status, 401);
    assert.equal((await (await post(`${server.url}/logout`, undefined, tokens[credential])).json()).ended, false);
    assert.equal((await dashboard(server.url, elsewhere.access_token)).status, 200);
  });
}

it("a wrong password and an unknown name get the same answer", whole, async (t) => {
  const server = await running(t);
  const tries = ["kavya", "nobody-here"].map((username) => post(`${server.url}/login`, { username, password: "wrong" }));
  for (const answer of await Promise.all(tries)) {
    assert.equal(answer.status, 401);
    const { request_id, ...problem } = await answer.json();
    assert.equal(problem.error, "Invalid credentials");
    assert.ok(request_id);
  }
});
