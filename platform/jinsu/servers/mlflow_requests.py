"""What a request to MLflow shows of its sender: a token, a cookie, where a browser sent it from. Pure."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs, quote, urlsplit

from jinsu.settings import Account
from jinsu.web.asgi_types import Scope

COOKIE = "jinsu_mlflow"
"""The cookie of a browser whose person signed in."""
STATE_COOKIE = "jinsu_mlflow_state"
"""The cookie that ties a sign-in to the browser that began it."""
CALLBACK, LOGOUT = "/jinsu/callback", "/jinsu/logout"
_LONGEST = 2000


@dataclass(frozen=True)
class Shown:
    """What a request shows. name: what Basic authentication claims, or None. cookie: whether the token is the cookie's."""

    token: str | None = field(default=None, repr=False)
    name: str | None = None
    cookie: bool = False


@dataclass(frozen=True)
class Request:
    """The head of an HTTP request. path: decoded, without the query. raw: path and query as they came. headers: names in
    lower case."""

    method: str
    path: str
    raw: str
    headers: Mapping[str, str]
    shown: Shown

    @property
    def query(self) -> Mapping[str, str]:
        """The first value of each field of the query."""
        return {name: values[0] for name, values in parse_qs(self.raw.partition("?")[2]).items()}

    @property
    def cookies(self) -> Mapping[str, str]:
        return cookies(self.headers)


def request_of(scope: Scope) -> Request:
    """The request that an ASGI scope describes."""
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    query = scope.get("query_string", b"").decode("latin-1")
    path = scope.get("raw_path", scope["path"].encode()).decode("latin-1").partition("?")[0]
    return Request(scope["method"], scope["path"], f"{path}?{query}" if query else path, headers, shown(headers))


def shown(headers: Mapping[str, str]) -> Shown:
    """What the headers show; a header `Authorization` is read before the cookie, and alone. headers: names in lower case."""
    authorization = headers.get("authorization")
    if authorization is None:
        return Shown(cookies(headers).get(COOKIE) or None, cookie=True)
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return Shown(value.strip())
    if scheme.lower() == "basic":
        try:
            name, _, password = base64.b64decode(value.strip(), validate=True).decode().partition(":")
        except ValueError:
            return Shown()
        return Shown(password, name)
    return Shown()


def is_account(request: Shown, account: Account) -> bool:
    """Whether the request shows the name and the password of an account; takes as long for a wrong one."""
    if request.name is None or request.token is None:
        return False
    right = hmac.compare_digest(request.name.encode(), account.name.encode())
    return hmac.compare_digest(request.token.encode(), account.password.encode()) and right and bool(account.password)


def cookies(headers: Mapping[str, str]) -> dict[str, str]:
    """The cookies of a request. Those of other programs on this host come too, and may hold any sign."""
    pairs = (pair.partition("=") for pair in headers.get("cookie", "").split(";"))
    return {name.strip(): value.strip() for name, _, value in pairs}


def comes_from_elsewhere(method: str, headers: Mapping[str, str]) -> bool:
    """Whether a browser may have been made to send this by a page that is not MLflow's.

    A browser sends its cookie to every port of a host, and MLflow lets every page of 127.0.0.1 read its answers: so only
    MLflow's own page, and a link or an address that a person opens, may use the cookie. Changes need proof of the page.
    """
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != headers.get("host"):
        return True
    if method != "GET":
        return site != "same-origin" if site is not None else origin is None
    opened = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest", "document") == "document"
    return not (site in (None, "same-origin", "none") or opened)


def asks_for_a_page(method: str, headers: Mapping[str, str]) -> bool:
    """Whether a browser wants to show the answer as a page."""
    return method == "GET" and "text/html" in headers.get("accept", "")


def is_browser(headers: Mapping[str, str]) -> bool:
    """Whether the sender says what browsers alone say when a person opens an address."""
    return headers.get("sec-fetch-dest") == "document"


def local_path(text: str) -> str:
    """`text` when it is a path on this server, with its query and fragment; else "/"."""
    fine = text.startswith("/") and text.isprintable() and "\\" not in text and len(text) <= _LONGEST
    return text if fine and not text.startswith("//") else "/"


def login_address(api: str, state: str, after: str) -> str:
    """Where a person signs in. api: the address of Jinsu's API. after: the path to open afterwards."""
    return f"{api}/login?to=mlflow&state={quote(state, safe='')}&next={quote(after, safe='')}"
