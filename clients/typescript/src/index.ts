// What applications use. Middleware is in `@watchword/verifier/express`, `/hono` and `/fastify`.

export { Authenticated } from "./authenticated.js";
export type { Clocks } from "./clock.js";
export type { Options } from "./connect.js";
export { FetchError } from "./issuer/client.js";
export { ConnectError } from "./issuer/discover.js";
export type { Policy, WhenStale } from "./policy.js";
export { type Answer, Rejection, type RejectionCode } from "./rejection.js";
export type { Claims } from "./token/claims.js";
export { Verifier } from "./verifier.js";
