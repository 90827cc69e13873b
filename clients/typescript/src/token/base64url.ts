// Strict base64url without padding (RFC 7515 §2): one byte string has exactly one text, and one text one byte string.

/** The bytes; `undefined` for a text that is not the one that encoding them gives (RFC 4648 §3.5). */
export function decodeBase64url(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, "base64url");
  return bytes.toString("base64url") === text ? bytes : undefined;
}
