"""What a browser keeps while its person is at the identity provider: a cookie for each attempt, so that two may go on."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import asdict

from fastapi import Response

from jinsu.api.destinations import Destination
from jinsu.errors import BadInputError, ForbiddenError
from jinsu.identity.oidc import Attempt

_PATH = "/login/oidc"
_SECONDS = 600


def remember(response: Response, attempt: Attempt, destination: Destination, address: str) -> None:
    """Gives the browser the attempt. address: the API's, as browsers see it."""
    text = json.dumps({"attempt": asdict(attempt), "to": destination.fields})
    response.set_cookie(
        _name(attempt.state),
        base64.urlsafe_b64encode(text.encode()).decode(),
        max_age=_SECONDS,
        path=_PATH,
        httponly=True,
        samesite="lax",
        secure=address.startswith("https://"),
    )


def attempt_of(cookies: Mapping[str, str], state: str) -> tuple[Attempt, Destination]:
    """The attempt that this browser began with this state, and where its person wants to go.

    Raises ForbiddenError when the browser began none: then somebody else's answer was sent to it, or time is over.
    """
    try:
        kept = json.loads(base64.urlsafe_b64decode(cookies[_name(state)]))
        attempt, destination = Attempt(**kept["attempt"]), Destination.read(kept["to"])
        if hmac.compare_digest(attempt.state.encode(), state.encode()):
            return attempt, destination
    except (KeyError, ValueError, TypeError, AttributeError, BadInputError):
        pass
    raise ForbiddenError("this browser did not begin this sign-in within the last ten minutes; begin again.")


def forget(response: Response, state: str) -> None:
    """Takes the attempt: it serves once."""
    response.delete_cookie(_name(state), path=_PATH, httponly=True, samesite="lax")


def _name(state: str) -> str:
    return f"jinsu_attempt_{hashlib.sha256(state.encode('utf-8', 'replace')).hexdigest()[:12]}"
