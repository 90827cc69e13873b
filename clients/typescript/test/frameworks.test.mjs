// Express, Hono and Fastify applications that serve, with the logins of a Watchword server.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { connect } from "node:net";
import { it } from "node:test";

import { getRequestListener } from "@hono/node-server";
import express from "express";
import fastify from "fastify";
import { Hono } from "hono";

import { Verifier } from "@watchword/verifier";
import * as forExpress from "@watchword/verifier/express";
import * as forFastify from "@watchword/verifier/fastify";
import * as forHono from "@watchword/verifier/hono";

import { post, running } from "../../../tests/support/watchword.mjs";
import { until } from "./support/issuer.mjs";
import { get, refused, served } from "./support/served.mjs";

/** The same application in each framework: `/` for anybody, `/me` for whoever is logged in, and routes that demand more. */
const ROUTES = {
  "/": { optional: true },
  "/me": {},
  "/admin": { roles: ["admin"] },
  "/either": { anyRole: ["clerk", "admin"] },
  "/scoped": { scopes: ["invoices:write", "invoices:read"] },
  "/lately": { authenticatedWithinSeconds: 600 },
  "/deny": { whenStale: "deny" },
};
const greeting = (who) => ({ message: `Hello ${who?.username ?? "stranger"}` });

const APPLICATIONS = {
  express(t, verifier) {
    const app = express();
    for (const [path, policy] of Object.entries(ROUTES)) {
      app.get(path, forExpress.requireLogin(verifier, policy), (request, response) => {
        response.json(greeting(forExpress.loginOf(request)));
      });
    }
    return served(t, createServer(app));
  },

  hono(t, verifier) {
    const app = new Hono();
    for (const [path, policy] of Object.entries(ROUTES)) {
      app.get(path, forHono.requireLogin(verifier, policy), (c) => c.json(greeting(forHono.loginOf(c))));
    }
    return served(t, createServer(getRequestListener(app.fetch)));
  },

  async fastify(t, verifier) {
    const app = fastify();
    for (const [path, policy] of Object.entries(ROUTES)) {
      const onRequest = forFastify.requireLogin(verifier, policy);
      app.get(path, { onRequest }, async (request) => greeting(forFastify.loginOf(request)));
    }
    await app.ready();
    return served(t, app.server);
  },
};

/** A request as fetch would not send it; the first line of the answer. */
function raw(url, lines) {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(url).port), "127.0.0.1", () => socket.write(`${["GET /me HTTP/1.1", "Host: x", ...lines].join("\r\n")}\r\n\r\n`));
    socket.once("data", (bytes) => {
      resolve(bytes.toString().split("\r\n")[0]);
      socket.destroy();
    });
    socket.once("error", reject);
  });
}

const invalid = (description) => `Bearer error="invalid_token", error_description="${description}"`;

for (const [name, serve] of Object.entries(APPLICATIONS)) {
  it(`${name} lets in whom it should, says why not, and honours a logout`, { timeout: 300_000 }, async (t) => {
    const server = await running(t, { verifiers: ["shop"] });
    const verifier = await Verifier.fromIssuer(server.url, { follow: server.credentials.shop, boundMs: 8_000, onWarning() {} });
    t.after(() => verifier.close());
    const url = await serve(t, verifier);
    const [{ access_token: kavya }, { access_token: arjun }] = [await server.login(), await server.login("arjun")];

    for (const [path, token, message] of [
      ["/", undefined, "Hello stranger"], ["/", arjun, "Hello arjun"], ["/me", arjun, "Hello arjun"], ["/admin", kavya, "Hello kavya"],
      ["/either", kavya, "Hello kavya"], ["/lately", arjun, "Hello arjun"],
    ]) {
      const answer = await get(`${url}${path}`, token);
      assert.deepEqual([answer.status, await answer.json()], [200, { message }], path);
    }
    await refused(await get(`${url}/me`), 401, "missing", 'Bearer realm="login"');
    await refused(await get(`${url}/me`, "a.b"), 401, "segments", invalid("the token is not three segments joined by dots"));
    await refused(await get(`${url}/`, "a.b"), 401, "segments", invalid("the token is not three segments joined by dots"));
    const role = (needed) => `Bearer error="insufficient_scope", error_description="this needs the role ${needed}"`;
    await refused(await get(`${url}/admin`, arjun), 403, "insufficient_role", role("admin"));
    await refused(await get(`${url}/either`, arjun), 403, "insufficient_role", role("clerk or admin"));
    const scope = "invoices:write invoices:read";
    const scoped = `Bearer error="insufficient_scope", error_description="this needs the scope ${scope}", scope="${scope}"`;
    await refused(await get(`${url}/scoped`, kavya), 403, "insufficient_scope", scoped);
    const malformed = "the Authorization header is not of the form `Bearer <token>`";
    for (const header of ["Bearer", "Bearer a b", "bearer  a"]) {
      const challenge = `Bearer error="invalid_request", error_description="${malformed}"`;
      await refused(await get(`${url}/me`, undefined, { authorization: header }), 400, "invalid_request", challenge);
    }
    await refused(await get(`${url}/me`, undefined, { authorization: "Basic eDp5" }), 401, "missing", 'Bearer realm="login"');
    assert.equal(await raw(url, [`Authorization: bEARER ${arjun}`]), "HTTP/1.1 200 OK");
    assert.equal(await raw(url, [`Authorization: Bearer ${arjun}`, `Authorization: Bearer ${arjun}`]), "HTTP/1.1 400 Bad Request");

    await post(`${server.url}/logout`, undefined, arjun);
    await until(async () => (await get(`${url}/me`, arjun)).status === 401);
    await refused(await get(`${url}/me`, arjun), 401, "revoked", invalid("the token has been revoked"));

    verifier.close();
    await until(async () => (await get(`${url}/me`, kavya)).status === 401);
    const silent = "the token is too old to be believed while the issuer is silent: refresh it";
    await refused(await get(`${url}/me`, kavya), 401, "stale", invalid(silent));
    const denied = await get(`${url}/deny`, kavya);
    assert.equal(denied.headers.get("retry-after"), "1");
    await refused(denied, 503, "unavailable", null);
  });
}

it("what is no refusal is the application's own to answer", async (t) => {
  const broken = { authenticate: () => Promise.reject(new Error("broken")) };
  const quiet = express();
  quiet.get("/me", forExpress.requireLogin(broken));
  quiet.use((error, request, response, next) => void (next, response.status(500).send(error.message)));
  const hono = new Hono().get("/me", forHono.requireLogin(broken)).onError((error, c) => c.text(error.message, 500));
  const fast = fastify();
  fast.get("/me", { onRequest: forFastify.requireLogin(broken) }, async () => "no");
  await fast.ready();
  for (const listener of [createServer(quiet), createServer(getRequestListener(hono.fetch)), fast.server]) {
    const answer = await get(`${await served(t, listener)}/me`);
    assert.equal(answer.status, 500);
    assert.match(await answer.text(), /broken/);
  }
});
