"""Base64url without padding (RFC 7515 §2), strictly: one text for each byte string."""

from __future__ import annotations

import base64


def decode(text: str) -> bytes:
    """Raises ValueError for padding, other characters, and bits that nothing says."""
    data = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    # The library skips what it does not know, so only the way back proves that nothing was skipped.
    if encode(data) != text:
        raise ValueError("not canonical unpadded base64url")
    return data


def encode(data: bytes) -> str:
    """Writes without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
