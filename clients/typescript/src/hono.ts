// Hono.

import { remember } from "./login.js";
import type { Policy } from "./policy.js";
import { Rejection } from "./rejection.js";
import type { Verifier } from "./verifier.js";

export { loginOf } from "./login.js";

/** As much of Hono's context as is needed. */
interface Context {
  readonly req: { readonly raw: Request };
}

/** A middleware that lets in only who meets a policy, and answers everybody else. `loginOf(c)` says who it is. */
export function requireLogin(verifier: Verifier, policy: Policy = {}) {
  return async (context: Context, next: () => Promise<void>): Promise<Response | void> => {
    // Of two headers this is one with a comma, which is no token.
    const header = context.req.raw.headers.get("authorization");
    try {
      remember(context, await verifier.authenticate(header === null ? [] : [header], policy));
    } catch (error) {
      if (!(error instanceof Rejection)) throw error;
      const { status, headers, body } = error.answer();
      return new Response(body, { status, headers });
    }
    await next();
  };
}
