// Whom a middleware has let in, by the request; the frameworks' own objects are left as they are.

import type { Authenticated } from "./authenticated.js";

const logins = new WeakMap<object, Authenticated>();

/** Who sent a request that a middleware has let in; `undefined` for nobody, or without a middleware in front. */
export function loginOf(request: object): Authenticated | undefined {
  return logins.get(request);
}

export function remember(request: object, who: Authenticated | undefined): void {
  // Whom an outer middleware has let in may be another issuer's user.
  if (who === undefined) logins.delete(request);
  else logins.set(request, who);
}
