// Fastify.

import type { IncomingMessage } from "node:http";

import { remember } from "./login.js";
import type { Policy } from "./policy.js";
import { Rejection } from "./rejection.js";
import type { Verifier } from "./verifier.js";

export { loginOf } from "./login.js";

/** As much of a request as is needed. */
interface Request {
  readonly raw: IncomingMessage;
}

/** As much of a reply as is needed. */
interface Reply {
  code(status: number): unknown;
  headers(headers: Record<string, string>): unknown;
  send(body: Buffer): unknown;
}

/** An `onRequest` hook that lets in only who meets a policy, and answers everybody else. `loginOf(request)` says who it is. */
export function requireLogin(verifier: Verifier, policy: Policy = {}) {
  return async (request: Request, reply: Reply): Promise<unknown> => {
    try {
      remember(request, await verifier.authenticate(request.raw.headersDistinct["authorization"] ?? [], policy));
      return undefined;
    } catch (error) {
      if (!(error instanceof Rejection)) throw error;
      const { status, headers, body } = error.answer();
      reply.code(status);
      reply.headers({ ...headers });
      // To a text Fastify would add a charset, which this media type has not.
      reply.send(Buffer.from(body));
      return reply;
    }
  };
}
