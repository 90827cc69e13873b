// What an access token says, read strictly: every known claim has its type, or the token is refused.

import { refused } from "../rejection.js";
import { CLAIMS, members, parsed } from "./shape.js";

/** The claims of an access token (RFC 9068 §2.2), those by which it can be revoked, and an application's own. Frozen. */
export interface Claims {
  readonly iss: string;
  /** Whom it speaks for: a user's id, which is stable and never reused, or the id of a client that acts for itself. */
  readonly sub: string;
  /** For whom it is meant; an array even if it is written as a string. */
  readonly aud: readonly string[];
  /** When it ends, in unix seconds. */
  readonly exp: number;
  /** When it was issued, in unix seconds. */
  readonly iat: number;
  readonly nbf?: number;
  readonly jti: string;
  /** The session that it belongs to. */
  readonly sid: string;
  readonly client_id: string;
  /** The granted scope, separated by spaces; may be empty. */
  readonly scope: string;
  readonly roles: readonly string[];
  /** When the user last proved who they are, in unix seconds. */
  readonly auth_time?: number;
  /** How they proved it (RFC 8176). */
  readonly amr: readonly string[];
  /** The name that the user goes by, for greeting only. */
  readonly preferred_username?: string;
  /** The epoch of the user when it was issued; a raised epoch voids it. */
  readonly uep: number;
  /** When the session and the user were read, in unix **milli**seconds. */
  readonly rat: number;
  readonly [claim: string]: unknown;
}

/** Reads a payload whose signature has been checked. Throws a `Rejection`. */
export function readClaims(payload: Uint8Array): Claims {
  const written = members(payload, CLAIMS);
  if (written === undefined) throw refused("payload");
  for (const [name, read] of Object.entries(KNOWN)) {
    const text = written.get(name);
    if (text !== undefined && !read(JSON.parse(text), text)) throw refused("claims");
  }
  for (const name of REQUIRED) if (!written.has(name)) throw refused("missing_claim", name);
  const { aud, scope, roles, amr, ...rest } = parsed(payload) as { aud: string | string[] } & Partial<Claims>;
  return deepFrozen({ ...rest, aud: [aud].flat(), scope: scope ?? "", roles: roles ?? [], amr: amr ?? [] } as Claims);
}

/** The sixteen bytes of an id, a character each; `undefined` for what is not an id in its one spelling (RFC 9562 §4). */
export function idBytes(text: string): string | undefined {
  return UUID.test(text) ? Buffer.from(text.replaceAll("-", ""), "hex").toString("latin1") : undefined;
}

function deepFrozen<T>(value: T): T {
  if (typeof value === "object" && value !== null) Object.values(Object.freeze(value)).forEach(deepFrozen);
  return value;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

const isText = (value: unknown) => typeof value === "string";
const isName = (value: unknown) => typeof value === "string" && value !== "";
const areTexts = (value: unknown) => Array.isArray(value) && value.every(isText);
// As an integer is written: `1.0` and `1e3` are none. One that a number cannot hold exactly is refused too.
const isInteger = (value: unknown, text: string) => /^(?:0|-?[1-9][0-9]*)$/.test(text) && Number.isSafeInteger(value);
const isUnsigned = (value: unknown, text: string) => isInteger(value, text) && (value as number) >= 0;

/** Every known claim. Unknown ones may be anything (RFC 7519 §4); `null` is a wrong type, never an absence. */
const KNOWN: Record<string, (value: unknown, text: string) => boolean> = {
  iss: isText,
  sub: isName,
  aud: (value) => isText(value) || areTexts(value),
  exp: isInteger,
  iat: isInteger,
  nbf: isInteger,
  jti: isName,
  sid: (value) => isText(value) && UUID.test(value as string),
  client_id: isText,
  scope: isText,
  roles: areTexts,
  auth_time: isInteger,
  amr: areTexts,
  preferred_username: isText,
  fresh: (value) => typeof value === "boolean",
  type: isText,
  uep: isUnsigned,
  rat: isInteger,
};

const REQUIRED = ["sid", "iss", "sub", "aud", "exp", "iat", "jti", "client_id", "uep", "rat"];
