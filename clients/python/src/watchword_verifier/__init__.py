"""Verifies Watchword's access tokens from memory, and honours a logout within milliseconds."""

from .claims import Claims, Marks, Profile
from .discovery import ConnectError
from .policy import Policy, WhenStale
from .rejection import Malformed, Missing, Refused, Rejection, Stale, Unavailable, Unmet
from .revocations import Revocations
from .verifier import Verifier

__all__ = [
    "Claims",
    "ConnectError",
    "Malformed",
    "Marks",
    "Missing",
    "Policy",
    "Profile",
    "Refused",
    "Rejection",
    "Revocations",
    "Stale",
    "Unavailable",
    "Unmet",
    "Verifier",
    "WhenStale",
]
