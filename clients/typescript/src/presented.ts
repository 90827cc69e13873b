// Which token a request shows. Where that is not clear, it shows none that counts.

import { malformed, missing } from "./rejection.js";

/**
 * The token of a request's Authorization headers (RFC 6750 §2.1); `undefined` only if there is none and it need not be. Another scheme
 * is none of ours: it may be meant for a proxy in front. Throws a `Rejection`.
 */
export function bearerToken(authorization: readonly string[], isOptional: boolean): string | undefined {
  const [header, ...others] = authorization;
  if (others.length > 0) throw malformed("there are two Authorization headers");
  const isOurs = header !== undefined && /^bearer(?: |$)/i.test(header);
  if (!isOurs && isOptional) return undefined;
  if (!isOurs) throw missing();
  const token = header.slice("Bearer ".length);
  if (token === "" || token.includes(" ")) throw malformed("the Authorization header is not of the form `Bearer <token>`");
  return token;
}
