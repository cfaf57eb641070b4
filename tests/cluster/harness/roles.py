"""Where roles of the trial store are taken: AssumeRoleWithWebIdentity, as AWS documents it.

Kubernetes itself says whether a token is its own and whom it is for; the keys that are given for it are the store's.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

from kubernetes import client

from jinsu.objects.s3 import S3Settings

_ANSWER = """<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>{key}</AccessKeyId><SecretAccessKey>{secret}</SecretAccessKey>
<SessionToken>session</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>
</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"""


@dataclass
class TrialRoles:
    """Where it listens, and who took which role: (role, account) in order."""

    url: str
    taken: list[tuple[str, str]] = field(default_factory=list)


@contextlib.contextmanager
def trial_roles(host: str, api: client.ApiClient, audience: str, store: S3Settings) -> Iterator[TrialRoles]:
    """Serves as long as the context lasts. A token that is not for `audience` is refused."""
    reviews = client.AuthenticationV1Api(api)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
            spec = {"token": asked["WebIdentityToken"][0], "audiences": [audience]}
            review = reviews.create_token_review({"spec": spec}).status
            if not review.authenticated:
                self.send_error(403)
                return
            found.taken.append((asked["RoleArn"][0], review.user.username))
            body = _ANSWER.format(key=store.access_key, secret=store.secret_key).encode()
            self.send_response(200)
            self.send_header("content-type", "text/xml")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer((host, 0), Handler) as server:
        found = TrialRoles(f"http://{host}:{server.server_address[1]}")
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield found
        server.shutdown()
