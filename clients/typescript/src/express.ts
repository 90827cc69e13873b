// Express, and whatever else takes a function of request, response and next.

import type { IncomingMessage, ServerResponse } from "node:http";

import { remember } from "./login.js";
import type { Policy } from "./policy.js";
import { Rejection } from "./rejection.js";
import type { Verifier } from "./verifier.js";

export { loginOf } from "./login.js";

/** A middleware that lets in only who meets a policy, and answers everybody else. `loginOf(request)` says who it is. */
export function requireLogin(verifier: Verifier, policy: Policy = {}) {
  return (request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void): void => {
    verifier.authenticate(request.headersDistinct["authorization"] ?? [], policy).then(
      (who) => {
        remember(request, who);
        next();
      },
      (error: unknown) => {
        if (!(error instanceof Rejection)) return next(error);
        const { status, headers, body } = error.answer();
        response.writeHead(status, headers).end(body);
      },
    );
  };
}
