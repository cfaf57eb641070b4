"""Who uses Airflow, as Airflow's own code handles them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow.api_fastapi.auth.managers.models.base_user import BaseUser

from jinsu.clients.airflow import PLATFORM_CLAIM
from jinsu.orchestration.permissions import Caller, Platform
from jinsu.orchestration.recent_people import RecentPeople

SESSION_SECONDS = 43200
"""Seconds after which a person signs in again, however often Airflow has renewed their token."""
_SINCE = "auth_time"


@dataclass(frozen=True)
class SignedIn(BaseUser):  # type: ignore[misc]
    """name: under which Airflow records what the caller does. since: when a person signed in, seconds since the epoch."""

    name: str
    caller: Caller
    since: float

    def get_id(self) -> str:
        return self.name

    def get_name(self) -> str:
        return self.name


def claims_of(user: SignedIn) -> dict[str, Any]:
    """What a token that Airflow signs says about a person. Raises ValueError for the platform, which signs its own."""
    if isinstance(user.caller, Platform):
        raise ValueError("Airflow signs no token for the platform.")
    return {"sub": user.name, _SINCE: user.since}


def from_claims(claims: Mapping[str, Any], people: RecentPeople) -> SignedIn:
    """Whom a token with a valid signature was made for.

    Raises ValueError for a person who has left, and for one who signed in too long ago; KeyError for a foreign token.
    """
    name = str(claims["sub"])
    if claims.get(PLATFORM_CLAIM) is True:
        return SignedIn(name, Platform(), time.time())
    since = float(claims[_SINCE])
    if not 0 <= time.time() - since + 1 < SESSION_SECONDS:  # a second, for the clocks of two servers
        raise ValueError(f"{name} signed in too long ago.")
    person = people.find(name)
    if person is None:
        raise ValueError(f"{name} has no account any more.")
    return SignedIn(person.name, person, since)
