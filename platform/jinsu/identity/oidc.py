"""OpenID Connect's authorization code flow with PKCE: where a browser goes to sign in, and who comes back.

The provider is asked with httpx; PyJWT checks the signature of its id_token. What its groups mean here is left to
`jinsu.identity.vouched`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus, urlencode

import httpx
import jwt

from jinsu.errors import ForbiddenError, TransientError
from jinsu.settings import Oidc

_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
"""Signatures with a public key. One with a shared secret could be made by whoever knows the client's secret."""
_LEEWAY = 60.0
_FRESH = 300.0
_TIMEOUT = 10.0


@dataclass(frozen=True)
class Attempt:
    """One sign-in on its way. The browser keeps it; the provider gets only `state`, `nonce` and a digest of `verifier`."""

    state: str = field(repr=False)
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)

    @classmethod
    def new(cls) -> Attempt:
        return cls(*(secrets.token_urlsafe(32) for _ in range(3)))

    @property
    def challenge(self) -> str:
        """The digest of the verifier that PKCE calls S256 (RFC 7636)."""
        digest = hashlib.sha256(self.verifier.encode("ascii", "replace")).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


@dataclass(frozen=True)
class Vouched:
    """Who the provider says came back. subject: `ISSUER|SUB`. name: the claim that a new account is called by, or ""."""

    subject: str
    name: str
    groups: tuple[str, ...]


class Provider:
    """One OpenID provider, as one of its clients. redirect: the address to which it sends browsers back."""

    def __init__(self, settings: Oidc, redirect: str) -> None:
        self._settings, self._redirect = settings, redirect
        self._described: tuple[float, Mapping[str, Any]] = (0.0, {})

    def address(self, attempt: Attempt) -> str:
        """Where the browser goes to sign in. Raises TransientError when the provider does not answer."""
        asked = {
            "response_type": "code",
            "client_id": self._settings.client_id,
            "redirect_uri": self._redirect,
            "scope": " ".join(self._settings.scopes),
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": attempt.challenge,
            "code_challenge_method": "S256",
        }
        endpoint = self._endpoint("authorization_endpoint")
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(asked)}"

    def person(self, attempt: Attempt, code: str, issuer: str | None) -> Vouched:
        """Who signed in. issuer: the parameter `iss` of the address that the browser came back to (RFC 9207).

        Raises ForbiddenError when anything does not fit, TransientError when the provider does not answer.
        """
        described = self._description()
        told = described.get("authorization_response_iss_parameter_supported") is True
        if issuer != self._settings.issuer and (issuer is not None or told):
            raise ForbiddenError("the answer came from another identity provider than the one that was asked.")
        given = self._redeem(attempt, code)
        claims = self._checked(str(given.get("id_token", "")), attempt)
        if not {self._settings.groups_claim, self._settings.name_claim} <= claims.keys():
            claims = {**self._userinfo(str(given.get("access_token", "")), claims["sub"]), **claims}
        return self._vouched(claims)

    # --- What the provider is asked ---

    def _description(self) -> Mapping[str, Any]:
        asked, described = self._described
        if time.monotonic() - asked > _FRESH or not described:
            described = self._get(f"{self._settings.issuer.rstrip('/')}/.well-known/openid-configuration")
            if described.get("issuer") != self._settings.issuer:
                raise ForbiddenError(
                    f"the identity provider calls itself {described.get('issuer')!r}; set oidc.issuer to exactly that."
                )
            self._described = (time.monotonic(), described)
        return described

    def _endpoint(self, name: str) -> str:
        """An address from the description. It may be unencrypted only where the issuer's own is (in tests)."""
        found = self._description().get(name)
        schemes = ("https://", "http://") if self._settings.issuer.startswith("http://") else ("https://",)
        if not isinstance(found, str) or not found.startswith(schemes):
            raise ForbiddenError(f"the identity provider names no usable {name}; see its discovery document.")
        return found

    def _redeem(self, attempt: Attempt, code: str) -> Mapping[str, Any]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect,
            "code_verifier": attempt.verifier,
        }
        identity, secret = self._settings.client_id, self._settings.client_secret
        methods = self._description().get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        basic = None
        if secret and "client_secret_basic" in methods:
            basic = httpx.BasicAuth(quote_plus(identity), quote_plus(secret))  # encoded first: RFC 6749, 2.3.1
        else:
            form |= {"client_id": identity, **({"client_secret": secret} if secret else {})}
        return self._ask("POST", self._endpoint("token_endpoint"), data=form, auth=basic)

    def _userinfo(self, access_token: str, subject: str) -> Mapping[str, Any]:
        if not self._description().get("userinfo_endpoint"):
            return {}
        told = self._get(self._endpoint("userinfo_endpoint"), headers={"authorization": f"Bearer {access_token}"})
        if told.get("sub") != subject:
            raise ForbiddenError("the identity provider's userinfo is about another person than its id_token.")
        return told

    def _get(self, url: str, **more: Any) -> Mapping[str, Any]:
        return self._ask("GET", url, **more)

    def _ask(self, method: str, url: str, **more: Any) -> Mapping[str, Any]:
        try:
            answer = httpx.request(method, url, timeout=_TIMEOUT, **more)
            document = answer.json()
        except httpx.HTTPError:
            raise TransientError("the identity provider does not answer; try again.") from None
        except ValueError:
            document = {}
        if answer.status_code >= 500:
            raise TransientError("the identity provider has an error of its own; try again.")
        if not answer.is_success or not isinstance(document, dict):
            said = document.get("error") if isinstance(document, dict) else None
            raise ForbiddenError(f"the identity provider refused the sign-in: {str(said or answer.status_code)[:60]}.")
        return document

    # --- What its answer must hold ---

    def _checked(self, token: str, attempt: Attempt) -> dict[str, Any]:
        """The claims of an id_token that is for this client and this attempt (OpenID Connect Core, 3.1.3.7)."""
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                self._key(token),
                algorithms=_ALGORITHMS,
                audience=self._settings.client_id,
                issuer=self._settings.issuer,
                leeway=_LEEWAY,
                options={"require": ["iss", "sub", "aud", "exp", "iat"]},
            )
        except jwt.PyJWTError as problem:
            raise ForbiddenError(f"the identity provider's token is not valid here: {str(problem)[:120]}.") from None
        several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if claims.get("azp", None if several else self._settings.client_id) != self._settings.client_id:
            raise ForbiddenError("the identity provider's token was made for another application.")
        if not hmac.compare_digest(str(claims.get("nonce", "")).encode(), attempt.nonce.encode()):
            raise ForbiddenError("the identity provider's token belongs to another sign-in; begin again.")
        return claims

    def _key(self, token: str) -> jwt.PyJWK:
        """The public key that the token names, as the provider publishes it at this moment."""
        keys = jwt.PyJWKSet.from_dict(dict(self._get(self._endpoint("jwks_uri")))).keys
        named = jwt.get_unverified_header(token).get("kid")
        fitting = [key for key in keys if key.public_key_use in (None, "sig") and named in (None, key.key_id)]
        if len(fitting) != 1:
            raise jwt.InvalidKeyError("it names no key that the provider publishes")
        return fitting[0]

    def _vouched(self, claims: Mapping[str, Any]) -> Vouched:
        name, groups = claims.get(self._settings.name_claim), claims.get(self._settings.groups_claim, ())
        if self._settings.name_claim == "email" and claims.get("email_verified") is False:
            raise ForbiddenError("the identity provider has not verified this e-mail address; verify it there first.")
        listed = [groups] if isinstance(groups, str) else groups if isinstance(groups, list) else []
        return Vouched(
            f"{self._settings.issuer}|{claims['sub']}",
            name if isinstance(name, str) else "",
            tuple(group for group in listed if isinstance(group, str)),
        )
