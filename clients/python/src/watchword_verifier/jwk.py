"""The keys that are trusted (RFC 7517), each bound to one algorithm by everything it says about itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from . import base64url, strict_json

MAX_BYTES = 256 * 1024


class Key(NamedTuple):
    """A key that checks signatures of exactly one algorithm."""

    kid: str
    alg: str
    verify: Callable[[bytes, bytes], None]

    def check(self, signed: bytes, signature: bytes) -> bool:
        """Whether the signature is this key's."""
        try:
            self.verify(signed, signature)
        except (InvalidSignature, ValueError):
            return False
        return True


KeySet = Mapping[str, Key]


class KeysRefused(ValueError):
    """A key set that cannot be used, and why."""


class _Skipped(Exception):
    """The key is for something else than checking access tokens."""


def key_set(document: bytes) -> KeySet:
    """Reads a public JWKS (RFC 7517 §5). Keys that are not for checking access tokens are skipped: unknown types, curves and
    algorithms, other uses, keys without `kid`, and secrets, which nobody publishes. A key that ought to be usable but is
    unfit or malformed, or that shows private members, refuses the document, and so does a `kid` used twice."""
    if len(document) > MAX_BYTES:
        raise KeysRefused("the JWKS is longer than 256 KiB")
    try:
        listed = strict_json.parse_object(document, strict_json.KEYS).get("keys")
    except strict_json.Misshapen:
        listed = None
    if not isinstance(listed, list):
        raise KeysRefused("not a well-formed JWKS")
    keys: dict[str, Key] = {}
    for index, members in enumerate(listed):
        if not isinstance(members, dict):
            raise KeysRefused("not a well-formed JWKS")
        try:
            key = _key(members)
        except _Skipped:
            continue
        except ValueError as error:
            raise KeysRefused(f"key {index} of the JWKS (counted from 0): {error}") from None
        if key.kid in keys:
            raise KeysRefused("two keys of the JWKS have one kid")
        keys[key.kid] = key
    if not keys:
        raise KeysRefused(
            "the issuer publishes no key that checks tokens. With algorithm HS256 there is only the shared secret: choose "
            "EdDSA, ES256 or RS256 there, or use Revocations beside the library that has the secret"
        )
    return keys


def _key(members: Mapping[str, object]) -> Key:
    kty = _text(members, "kty")
    if kty is None:
        raise ValueError("not a well-formed JSON Web Key")
    if kty == "oct":
        raise _Skipped
    if _PRIVATE & members.keys():
        raise ValueError("the key comes with its private members, so anybody may sign with it")
    family = _family(members, kty)
    _check_use(members)
    alg = _text(members, "alg")
    if alg is None:
        alg = family[0]
    if alg not in family:
        # Unknown, or of another type of key.
        raise _Skipped
    kid = _text(members, "kid")
    verify = _parsed(members, kty)
    if kid is None or alg not in _PARSED:
        raise _Skipped
    return Key(kid, alg, verify)


def _family(members: Mapping[str, object], kty: str) -> tuple[str, ...]:
    """The algorithms that a key of this type and curve may have, the one meant without a word first."""
    if kty == "RSA":
        return _RSA
    curve = _text(members, "crv") if kty in ("OKP", "EC") else ""
    if curve is None:
        raise ValueError("not a well-formed JSON Web Key")
    if (kty, curve) not in _CURVES:
        raise _Skipped
    return (_CURVES[kty, curve],)


def _check_use(members: Mapping[str, object]) -> None:
    """`use` must be `sig` and `key_ops` must contain `verify`, where they are present (RFC 7517 §4.2, §4.3)."""
    if _text(members, "use") not in (None, "sig"):
        raise _Skipped
    operations = members.get("key_ops", ["verify"])
    if not isinstance(operations, list):
        raise ValueError("not a well-formed JSON Web Key")
    if "verify" not in operations:
        raise _Skipped


def _parsed(members: Mapping[str, object], kty: str) -> Callable[[bytes, bytes], None]:
    if kty == "RSA":
        return _rsa(_bytes(members, "n"), _bytes(members, "e"))
    if kty == "OKP":
        point = _bytes(members, "x")
        if len(point) != 32:
            raise ValueError(_UNFIT)
        of_edwards = ed25519.Ed25519PublicKey.from_public_bytes(point)
        return lambda signed, signature: of_edwards.verify(signature, signed)
    return _elliptic(str(members["crv"]), _bytes(members, "x"), _bytes(members, "y"))


def _elliptic(name: str, x: bytes, y: bytes) -> Callable[[bytes, bytes], None]:
    curve, size = _EC[name]
    if len(x) != size or len(y) != size:
        raise ValueError(_UNFIT)
    try:
        key = ec.EllipticCurvePublicNumbers(int.from_bytes(x, "big"), int.from_bytes(y, "big"), curve).public_key()
    except ValueError:
        raise ValueError(_UNFIT) from None

    def verify(signed: bytes, signature: bytes) -> None:
        # Two numbers of fixed length (RFC 7518 §3.4); DER would have many texts for one signature.
        if len(signature) != 2 * size:
            raise InvalidSignature
        r, s = int.from_bytes(signature[:size], "big"), int.from_bytes(signature[size:], "big")
        key.verify(encode_dss_signature(r, s), signed, ec.ECDSA(SHA256()))

    return verify


def _rsa(modulus: bytes, exponent: bytes) -> Callable[[bytes, bytes], None]:
    n, e = int.from_bytes(modulus, "big"), int.from_bytes(exponent, "big")
    if not 2_048 <= n.bit_length() <= 8_192 or n % 2 == 0 or e % 2 == 0 or not 1 < e < 2**32 or is_roca(n):
        raise ValueError(_UNFIT)
    try:
        key = rsa.RSAPublicNumbers(e, n).public_key()
    except ValueError:
        raise ValueError(_UNFIT) from None
    return lambda signed, signature: key.verify(signature, signed, padding.PKCS1v15(), SHA256())


def is_roca(modulus: int) -> bool:
    """Whether the modulus carries the fingerprint of CVE-2017-15361: modulo every small prime it is a power of 65537."""
    return all(modulus % prime in {pow(65_537, power, prime) for power in range(prime)} for prime in _SMALL_PRIMES)


def _text(members: Mapping[str, object], name: str) -> str | None:
    value = members.get(name)
    if name in members and not isinstance(value, str):
        raise ValueError("not a well-formed JSON Web Key")
    return value if isinstance(value, str) else None


def _bytes(members: Mapping[str, object], name: str) -> bytes:
    text = _text(members, name)
    if text is None:
        raise ValueError("not a well-formed JSON Web Key")
    try:
        return base64url.decode(text)
    except ValueError:
        raise ValueError("not a well-formed JSON Web Key") from None


_UNFIT = "the key itself is unfit: too small, too large, off its curve, or from a flawed generator"
_PRIVATE = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}
_PARSED = ("EdDSA", "ES256", "RS256")
_RSA = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
_CURVES = {("OKP", "Ed25519"): "EdDSA", ("EC", "P-256"): "ES256", ("EC", "P-384"): "ES384", ("EC", "P-521"): "ES512"}
_EC: dict[str, tuple[ec.EllipticCurve, int]] = {
    "P-256": (ec.SECP256R1(), 32),
    "P-384": (ec.SECP384R1(), 48),
    "P-521": (ec.SECP521R1(), 66),
}
_SMALL_PRIMES = [prime for prime in range(3, 168) if all(prime % below for below in range(2, prime))]
