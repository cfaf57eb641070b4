"""An installation of Jinsu through its API and its endpoint, wherever it is installed."""

from typing import Any
from uuid import uuid4

import httpx
from tests.support.traffic import Traffic
from tests.support.waiting import until


class InstallationClient:
    """An installation as its users reach it. A subclass sets the addresses, and what the doors ask for."""

    code = ""
    api: httpx.Client
    endpoint_url: str
    endpoint_headers: dict[str, str] = {}  # noqa: RUF012

    def submit(
        self, model: str, *, key: str = "", review: str = "none", canary: dict[str, Any] | None = None,
        train: dict[str, Any] | None = None, **params: Any,
    ) -> str:  # fmt: skip
        """The points folder as another model. Equal parameters train once, so most runs take a few seconds."""
        overrides = {
            "name": model,
            **({"release.review.approvers": 0} if review == "none" else {}),
            **{f"release.canary.{name}": value for name, value in (canary or {}).items()},
            **{f"train.{name}": value for name, value in (train or {}).items()},
            **{f"train.params.{name}": value for name, value in params.items()},
        }
        body = {"code_digest": self.code, "idempotency_key": key or uuid4().hex, "overrides": overrides}
        answer = self.api.post("/submissions", json=body)
        assert answer.is_success, answer.text
        return str(answer.json()["id"])

    def run(self, run: str) -> dict[str, Any]:
        return dict(self.api.get(f"/runs/{run}").json())

    def stage(self, run: str, name: str) -> dict[str, Any]:
        return next((stage for stage in self.run(run)["stages"] if stage["name"] == name), {})

    def ended(self, run: str, within: float = 60) -> dict[str, Any]:
        until(lambda: self.run(run)["ended"], within, lambda: f"the end of {run}: {self.run(run)['why']}")
        return self.run(run)

    def launch(self, model: str, **arguments: Any) -> str:
        """Has the model's next version serving; returns the version."""
        run = self.submit(model, **arguments)
        ended = self.ended(run)
        assert ended["state"] == "succeeded", ended["why"]
        version = str(self.stage(run, "promote")["output"]["version"])
        until(lambda: self.answering(model) == version, 10, f"{model} {version} to answer")
        return version

    def rollout(self, run: str) -> dict[str, Any]:
        return self.run(run)["rollout"] or {"phase": "", "percent": 0}

    def ledger(self, model: str) -> list[dict[str, Any]]:
        """Newest first."""
        return list(self.api.get(f"/ledger/{model}").json())

    def url(self, model: str) -> str:
        return f"{self.endpoint_url}/models/{model}/invocations"

    def answering(self, model: str) -> str | None:
        """The version that answers one request now."""
        answer = httpx.post(self.url(model), json={"inputs": [[1, 1]]}, headers=self.endpoint_headers, timeout=60)
        return answer.headers.get("x-jinsu-version")

    def traffic(self, model: str, far: float = 0.0) -> Traffic:
        """`far` is the share of rows with `a` far outside of what the dataset holds."""
        return Traffic(self.url(model), far, self.endpoint_headers)
