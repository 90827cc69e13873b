// Programs that must compile, as an application would write them, with the frameworks' own types.

import express from "express";
import fastify from "fastify";
import { Hono } from "hono";

import { type Claims, Rejection, Verifier } from "@watchword/verifier";
import * as forExpress from "@watchword/verifier/express";
import * as forFastify from "@watchword/verifier/fastify";
import * as forHono from "@watchword/verifier/hono";

const verifier = await Verifier.fromIssuer("https://login.example.org", { audience: "https://api.example.org", follow: "wwv_…", name: "orders-1" });

express().get("/", forExpress.requireLogin(verifier, { roles: ["clerk"] }), (request, response) => {
  response.send(forExpress.loginOf(request)?.username);
});

new Hono().get("/", forHono.requireLogin(verifier, { whenStale: "deny" }), (c) => c.text(forHono.loginOf(c)?.username ?? ""));

fastify().get("/", { onRequest: forFastify.requireLogin(verifier) }, async (request) => forFastify.loginOf(request)?.subject);
fastify().addHook("onRequest", forFastify.requireLogin(verifier, { optional: true }));

export async function tenantOf(token: string): Promise<string> {
  try {
    const claims: Claims = await verifier.verify(token, { whenStale: "introspect" });
    const tenant: unknown = claims["tenant"];
    return typeof tenant === "string" ? tenant : claims.sub;
  } catch (error) {
    return error instanceof Rejection ? error.answer().body : "";
  }
}

export async function closeWhenWithdrawn(socket: WebSocket, claims: Claims): Promise<void> {
  const closed = new AbortController();
  socket.addEventListener("close", () => closed.abort());
  await verifier.untilWithdrawn(claims, { signal: closed.signal });
  socket.close(4401);
}

// @ts-expect-error A mode that there is not.
void verifier.verify("", { whenStale: "never" });
// @ts-expect-error A variable that may not be set must not mean that nothing is followed.
void Verifier.fromIssuer("https://login.example.org", { follow: process.env["VERIFIER_CREDENTIAL"] });

const age: number | undefined = verifier.age();
export const isHealthy = age !== undefined && age < 5_000;
