// Why a request is not let in, and how it is told: RFC 6750 §3 for machines, RFC 9457 for those who debug them.

/** A demand of a route that a credential which stands does not meet. */
export type Unmet =
  | { readonly role: readonly string[] }
  | { readonly scope: readonly string[] }
  | { readonly authenticatedWithinSeconds: number };

/** Why a token does not admit. The codes stay the same from release to release. */
export type RefusedCode = keyof typeof REFUSED;

/** Every code that a {@link Rejection} may have. */
export type RejectionCode =
  | RefusedCode
  | "missing"
  | "invalid_request"
  | "stale"
  | "insufficient_role"
  | "insufficient_scope"
  | "insufficient_user_authentication"
  | "unavailable";

/** What to answer with. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Problem details, as JSON. */
  readonly body: string;
}

/** Why a request is not let in. The message is safe to show; it never holds any part of the credential. */
export class Rejection extends Error {
  override readonly name = "Rejection";
  /** A stable code for logs, metrics and clients. */
  readonly code: RejectionCode;
  readonly status: number;
  readonly #error: string | undefined;
  readonly #more: string;
  readonly #retryAfter: number | undefined;

  constructor(code: RejectionCode, status: number, message: string, more: { error?: string; also?: string; retryAfter?: number } = {}) {
    super(message);
    this.code = code;
    this.status = status;
    this.#error = more.error;
    this.#more = more.also ?? "";
    this.#retryAfter = more.retryAfter;
  }

  /** The whole answer: status, `WWW-Authenticate`, `Retry-After`, and problem details as its body. */
  answer(): Answer {
    const headers: Record<string, string> = { "content-type": "application/problem+json", "cache-control": "no-store" };
    if (this.code === "missing") headers["www-authenticate"] = 'Bearer realm="login"';
    if (this.#error !== undefined) {
      headers["www-authenticate"] = `Bearer error="${this.#error}", error_description="${quotable(this.message)}"${this.#more}`;
    }
    if (this.#retryAfter !== undefined) headers["retry-after"] = String(this.#retryAfter);
    const problem = { title: TITLES[this.status], status: this.status, code: this.code, detail: this.message };
    return { status: this.status, headers, body: JSON.stringify(problem) };
  }
}

/** The token does not admit; a client refreshes, or logs in again. */
export function refused(code: RefusedCode, claim?: string): Rejection {
  const message = claim === undefined ? REFUSED[code] : `the claim ${claim} is missing`;
  return new Rejection(code, 401, message, { error: "invalid_token" });
}

/** The request shows no credential. */
export function missing(): Rejection {
  return new Rejection("missing", 401, "this needs a login");
}

/** What the request shows cannot be understood. */
export function malformed(message: string): Rejection {
  return new Rejection("invalid_request", 400, message, { error: "invalid_request" });
}

/** The token may have been withdrawn since it was made, and this process has not been told for too long. */
export function stale(): Rejection {
  const message = "the token is too old to be believed while the issuer is silent: refresh it";
  return new Rejection("stale", 401, message, { error: "invalid_token" });
}

/** Nobody can say now. */
export function unavailable(retryAfter: number): Rejection {
  return new Rejection("unavailable", 503, "credentials cannot be checked at the moment", { retryAfter });
}

/** The credential stands, but the route demands more. */
export function unmet(demand: Unmet): Rejection {
  if ("role" in demand) {
    const message = `this needs the role ${demand.role.join(" or ")}`;
    return new Rejection("insufficient_role", 403, message, { error: "insufficient_scope" });
  }
  if ("scope" in demand) {
    const scope = demand.scope.join(" ");
    const more = { error: "insufficient_scope", also: `, scope="${quotable(scope)}"` };
    return new Rejection("insufficient_scope", 403, `this needs the scope ${scope}`, more);
  }
  const [code, seconds] = ["insufficient_user_authentication", demand.authenticatedWithinSeconds] as const;
  const more = { error: code, also: `, max_age="${seconds}"` };
  return new Rejection(code, 401, `this needs a login within the last ${seconds} seconds`, more);
}

/** Without what may not stand in a quoted `error_description` (RFC 6750 §3). */
function quotable(text: string): string {
  return text.replace(/[^ -~]|["\\]/g, "");
}

const REFUSED = {
  too_long: "the token is longer than 8 KiB",
  segments: "the token is not three segments joined by dots",
  encoding: "a segment of the token is not canonical unpadded base64url",
  header: "the header must be a JSON object that holds alg, typ and kid as strings, and nothing else",
  algorithm: "the header names an algorithm that is not accepted",
  unknown_key: "no trusted key has the kid that the header names",
  algorithm_mismatch: "the header names another algorithm than the key's own",
  signature: "the signature does not verify",
  payload: "the payload is not one JSON object without duplicate members",
  claims: "a claim has the wrong type or form",
  missing_claim: "a claim is missing",
  type: "typ does not name the kind of token that is expected here",
  issuer: "the token comes from another issuer",
  audience: "the token is meant for another audience",
  expired: "the token has expired",
  not_yet_valid: "the token is not valid yet",
  revoked: "the token has been revoked",
} as const;

const TITLES: Record<number, string> = { 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 503: "Service Unavailable" };
