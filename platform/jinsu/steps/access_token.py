"""The token with which the pod of one attempt asks the broker for its part of the object store. Pure.

A token names the step and the attempt, and carries their HMAC under a key that the platform's launchers and the broker
share. Any launcher can make it again, so that a start that was cut off is completed by the next one.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass


@dataclass(frozen=True)
class Holder:
    """Whose token it is: one attempt of one step."""

    run_key: str
    attempt: str


def token_of(key: str, holder: Holder) -> str:
    """The token, as `RUN_KEY.ATTEMPT.MAC`. key: the shared secret; must not be empty."""
    return f"{holder.run_key}.{holder.attempt}.{_mac(key, holder)}"


def holder_of(key: str, token: str) -> Holder | None:
    """Whose token it is; None for a token that was not made with this key."""
    run_key, _, rest = token.partition(".")
    attempt, _, mac = rest.partition(".")
    holder = Holder(run_key, attempt)
    genuine = hmac.compare_digest(mac.encode(), _mac(key, holder).encode())
    return holder if genuine and run_key and attempt else None


def _mac(key: str, holder: Holder) -> str:
    if not key:
        raise ValueError("the key of step tokens is empty")
    text = f"jinsu step access\n{holder.run_key}\n{holder.attempt}"
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()
