// jose verifies our tokens with nothing but the published keys, for every algorithm that has public keys.

import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { createRemoteJWKSet, errors, jwtVerify } from "jose";

import { running } from "../../support/watchword.mjs";

for (const algorithm of ["EdDSA", "ES256", "RS256"]) {
  describe(`a token signed with ${algorithm}`, { timeout: 300_000 }, () => {
    const verify = (server, token, expected = {}) => {
      const keys = createRemoteJWKSet(new URL(`${server.url}/.well-known/jwks.json`), { timeoutDuration: 60_000 });
      const ours = { issuer: server.url, audience: server.url, typ: "at+jwt", algorithms: [algorithm] };
      return jwtVerify(token, keys, { ...ours, ...expected });
    };

    it("verifies with the published keys and says whose it is", async (t) => {
      const server = await running(t, { settings: { TOKENS_ALGORITHM: algorithm } });
      const { access_token, session_id } = await server.login();
      const { payload, protectedHeader } = await verify(server, access_token);
      assert.equal(protectedHeader.alg, algorithm);
      assert.equal(payload.preferred_username, "kavya");
      assert.deepEqual(payload.roles, ["admin"]);
      assert.match(payload.sub, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
      assert.ok(payload.sid && session_id);
      for (const wrong of [{ issuer: "https://other.example" }, { audience: "https://other.example" }, { typ: "JWT" }]) {
        await assert.rejects(verify(server, access_token, wrong), errors.JWTClaimValidationFailed);
      }
    });

    it("does not verify with the keys of another installation", async (t) => {
      const settings = { TOKENS_ALGORITHM: algorithm };
      const [server, other] = await Promise.all([running(t, { settings }), running(t, { settings })]);
      const { access_token } = await server.login();
      await assert.rejects(verify(other, access_token, { issuer: server.url }), errors.JWKSNoMatchingKey);
    });
  });
}
