// The issuer: what its URL must look like, and what it says about itself (RFC 8414).

import { KEYS, members, parsed } from "../token/shape.js";
import type { IssuerClient } from "./client.js";

/** What an issuer says about itself. */
export interface Issuer {
  readonly jwks: URL;
  /** Where to ask about one session. */
  readonly session: URL | undefined;
  readonly revocations: URL | undefined;
}

/** Why an issuer cannot be used, although it may well answer. The message says what to do. */
export class ConnectError extends Error {
  override readonly name = "ConnectError";
}

/** The URL in its parts, if an issuer may have it: https, or http on this machine, and nothing beyond a path. */
export function issuerUrl(text: string): URL {
  const url = PLAIN.test(text) && URL.canParse(text) ? new URL(text) : undefined;
  const isLoopback = /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/.test(url?.hostname ?? "");
  if (url === undefined || !(url.protocol === "https:" || isLoopback)) {
    const form = "https, or http on this machine, without user, query, fragment or a slash at the end, such as https://login.example.org";
    throw new ConnectError(`\`${text}\` cannot be an issuer: it takes ${form}`);
  }
  return url;
}

/** Reads what the issuer says about itself, and believes it only what concerns itself. */
export async function discover(issuer: string, origin: URL, client: IssuerClient): Promise<Issuer> {
  const place = new URL(`${origin.origin}/.well-known/oauth-authorization-server${origin.pathname.replace(/\/+$/, "")}`);
  const { body } = await client.document(place);
  const metadata = members(body, KEYS) && parsed(body);
  if (metadata === undefined) throw new ConnectError(`${place.href} is not the description of an authorization server`);
  const { issuer: named, jwks_uri: jwks, watchword_session_endpoint: session, watchword_revocations_endpoint: revocations } = metadata;
  if (named !== issuer) {
    throw new ConnectError(`${issuer} calls itself ${String(named)}: use that name here, or correct the server's public_url`);
  }
  const own = (value: unknown): URL => {
    const url = typeof value === "string" && URL.canParse(value) ? new URL(value) : undefined;
    const isOwn = url?.origin === origin.origin && url.username === "" && url.password === "" && url.hash === "";
    if (!isOwn) throw new ConnectError(`${String(value)} is not at the issuer's own origin`);
    return url as URL;
  };
  const optional = (value: unknown) => (value === undefined ? undefined : own(value));
  return { jwks: own(jwks), session: optional(session), revocations: optional(revocations) };
}

const PLAIN = /^https?:\/\/[^\s/?#@\\]+(?:\/[^\s?#\\]*[^\s?#\\/])?$/;
