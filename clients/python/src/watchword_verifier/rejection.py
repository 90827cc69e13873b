"""Why a request is not let in, and how it is told: RFC 6750 §3 for machines, RFC 9457 for those who debug them."""

from __future__ import annotations

import json
from http import HTTPStatus


class Rejection(Exception):
    """Why a request is not let in. `code` is stable, for logs, metrics and clients."""

    status = 401
    code = "missing"
    error: str | None = None
    """The error of the challenge (RFC 6750 §3.1), if there is a challenge that names one."""
    more = ""
    """What the challenge says besides."""

    def challenge(self) -> str | None:
        """`WWW-Authenticate`, if there is to be one."""
        if self.error is None:
            return None
        return f'Bearer error="{self.error}", error_description="{quotable(str(self))}"{self.more}'

    def headers(self) -> dict[str, str]:
        """The headers of the answer."""
        headers = {"Content-Type": "application/problem+json", "Cache-Control": "no-store"}
        challenge = self.challenge()
        if challenge is not None:
            headers["WWW-Authenticate"] = challenge
        return headers

    def body(self) -> bytes:
        """The body of the answer: problem details."""
        title = HTTPStatus(self.status).phrase
        problem = {"title": title, "status": self.status, "code": self.code, "detail": str(self)}
        return json.dumps(problem).encode()


class Missing(Rejection):
    """It shows no credential."""

    def __init__(self) -> None:
        super().__init__("this needs a login")

    def challenge(self) -> str | None:
        """Without a credential there is no error to name."""
        return 'Bearer realm="login"'


class Malformed(Rejection):
    """What it shows cannot be understood."""

    status = 400
    code = "invalid_request"
    error = "invalid_request"


class Refused(Rejection):
    """The access token does not admit: the client refreshes, or logs in again. Carries no part of the token."""

    error = "invalid_token"

    def __init__(self, code: str, claim: str = "") -> None:
        self.code = code
        super().__init__(_REASONS[code].format(claim))


class Stale(Rejection):
    """The token may have been withdrawn since it was made, and this process has not been told for too long: the client
    refreshes and goes on."""

    code = "stale"
    error = "invalid_token"

    def __init__(self) -> None:
        super().__init__("the token is too old to be believed while the issuer is silent: refresh it")


class Unmet(Rejection):
    """The credential stands, but more is demanded."""

    status = 403
    error = "insufficient_scope"

    def __init__(self, code: str, message: str, more: str = "") -> None:
        self.code = code
        self.more = more
        if code == "insufficient_user_authentication":
            self.status = 401
            self.error = code
        super().__init__(message)


class Unavailable(Rejection):
    """Nobody can say now. To be tried again after `retry_after` seconds."""

    status = 503
    code = "unavailable"

    def __init__(self, retry_after: int = 1) -> None:
        self.retry_after = retry_after
        super().__init__("credentials cannot be checked at the moment")

    def headers(self) -> dict[str, str]:
        """With `Retry-After`."""
        return {**super().headers(), "Retry-After": str(self.retry_after)}


def quotable(text: str) -> str:
    """Without what may not stand in a quoted `error_description` (RFC 6750 §3)."""
    return "".join(character for character in text if " " <= character <= "~" and character not in '"\\')


_REASONS = {
    "too_long": "the token is longer than 8 KiB",
    "segments": "the token is not three segments joined by dots",
    "encoding": "a segment of the token is not canonical unpadded base64url",
    "header": "the header must be a JSON object that holds alg, typ and kid as strings, and nothing else",
    "algorithm": "the header names an algorithm that is not accepted",
    "unknown_key": "no trusted key has the kid that the header names",
    "algorithm_mismatch": "the header names another algorithm than the key's own",
    "signature": "the signature does not verify",
    "payload": "the payload is not one JSON object without duplicate members",
    "claims": "a claim has the wrong type or form",
    "missing_claim": "the claim {} is missing",
    "type": "typ does not name the kind of token that is expected here",
    "issuer": "the token comes from another issuer",
    "audience": "the token is meant for another audience",
    "expired": "the token has expired",
    "not_yet_valid": "the token is not valid yet",
    "revoked": "the token has been revoked",
}
