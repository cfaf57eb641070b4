"""`make demo`: launches a first model, then a better second one, with live traffic, on this machine."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import click

from jinsu.api.models import Accepted, AnswerBody, Answered, Code, Dataset, Endpoint, OpenReview, Run, SubmissionBody
from jinsu.cli.client import Client
from jinsu.cli.command_line import printed_command
from jinsu.cli.demo_pages import closing_lines
from jinsu.cli.extras import Extra, require
from jinsu.cli.running import follow_run
from jinsu.cli.show import progress
from jinsu.errors import JinsuError
from jinsu.resources import examples
from jinsu.runs.snapshots import pack
from jinsu.state.states import SubmissionState, Verdict


class Traffic:
    """Sends images of handwritten digits to the endpoint all the time, and counts the answers of each version."""

    def __init__(self, url: str, seconds: float = 0.006) -> None:
        from sklearn.datasets import load_digits

        self._url, self._pause, self._images = url, seconds, load_digits().images
        self.answered: dict[str, int] = {}
        self.failed = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._send, daemon=True)

    def __enter__(self) -> Traffic:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _send(self) -> None:
        import httpx

        with httpx.Client(timeout=10) as client:
            index = 0
            while not self._stop.is_set():
                image = self._images[index % len(self._images)]
                try:
                    answer = client.post(self._url, json={"inputs": [[image.tolist()]]})
                    if answer.is_success:
                        version = answer.headers["x-jinsu-version"]
                        self.answered[version] = self.answered.get(version, 0) + 1
                    else:
                        self.failed += 1
                except httpx.TransportError:
                    self.failed += 1
                index += 1
                self._stop.wait(self._pause)


def _example() -> Path:
    return examples() / "digits"


def submit(client: Client, epochs: int | None) -> str:
    content, digest = pack(_example())
    client.upload("/v1/code", Code, content)
    body = SubmissionBody(
        code_digest=digest,
        idempotency_key=f"demo-{time.time_ns()}",
        overrides={} if epochs is None else {"train.params.epochs": epochs},
    )
    return client.post("/v1/submissions", Accepted, body).id


def approve_when_asked(run: str) -> None:
    """Approves the run's version as soon as its review is open, in a thread of its own.

    The policy of a laptop's team lets its one person approve own models.
    """
    reviewer = Client()

    def wait() -> None:
        while not reviewer.get(f"/v1/runs/{run}", Run).ended:
            if any(review.run == run for review in reviewer.get("/v1/reviews", list[OpenReview])):
                reviewer.post(
                    f"/v1/reviews/{run}", Answered, AnswerBody(verdict=Verdict.APPROVE, reason="approved by the demo")
                )
                return
            time.sleep(0.3)

    threading.Thread(target=wait, daemon=True).start()


def launch(client: Client, title: str, epochs: int | None) -> Run:
    run = submit(client, epochs)
    click.echo(f"\n{title}: {run}")
    approve_when_asked(run)
    ended = follow_run(client, run)
    if ended.state is not SubmissionState.SUCCEEDED:
        raise JinsuError(f"the demo's run {run} {ended.state}: {ended.reason}")
    return ended


def main() -> None:
    require(Extra.PLATFORM, "the demo")
    from jinsu.local.up import up

    begun = time.monotonic()
    with progress() as say:
        settings = up(None, say)
    client, home = Client(), Path(settings.home)
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "digits.parquet"
        subprocess.run([sys.executable, str(_example() / "prepare.py"), str(table)], check=True)
        dataset = client.upload("/v1/datasets/digits", Dataset, table.read_bytes(), suffix=".parquet")
    click.echo(f"dataset digits@{dataset.version}: {dataset.rows} rows")
    if not any(item.model == "digits" for item in client.get("/v1/models", list[Endpoint])):
        launch(client, "A first version, trained for 2 epochs only", 2)
        _wait_for_endpoint(f"{settings.endpoint_url}/models/digits/health")
    with Traffic(f"{settings.endpoint_url}/models/digits/invocations") as traffic:
        ended = launch(client, "A challenger, trained for longer, meets live traffic", None)
        time.sleep(1.0)
    total = sum(traffic.answered.values())
    shares = ", ".join(f"version {version}: {count}" for version, count in sorted(traffic.answered.items()))
    click.echo(f"\n{total} live requests answered ({shares}), {traffic.failed} failed")
    image = _predict(settings.endpoint_url)
    click.echo(f"\nThe demo took {time.monotonic() - begun:.0f} s.")
    for line in closing_lines(settings, ended, [[image]]):
        click.echo(line)
    click.echo(f"Stop everything: {printed_command(home, 'down')}")
    if traffic.failed:
        raise JinsuError(f"{traffic.failed} live requests failed during the rollout.")


def _wait_for_endpoint(url: str) -> None:
    """Returns when the new champion answers: Envoy has its route after a pass of the release loop."""
    import httpx

    deadline = time.monotonic() + 15
    while time.monotonic() < deadline and httpx.get(url).status_code != 200:
        time.sleep(0.1)


def _predict(endpoint: str) -> list[list[int]]:
    """Shows what the model makes of one image; returns the image, 8 rows of 8 shades from 0 to 16."""
    import httpx
    import numpy as np
    from sklearn.datasets import load_digits

    digits = load_digits()
    answer = httpx.post(f"{endpoint}/models/digits/invocations", json={"inputs": [[digits.images[5].tolist()]]})
    shades = " .:-=+*#%@"
    for line in digits.images[5]:
        click.echo("   " + "".join(shades[int(value) * 9 // 16] * 2 for value in line))
    best = int(np.argmax(answer.json()["predictions"][0]))
    click.echo(f"version {answer.headers['x-jinsu-version']} reads it as a {best}; it is a {digits.target[5]}")
    return [[int(shade) for shade in row] for row in digits.images[5]]


if __name__ == "__main__":
    try:
        main()
    except JinsuError as problem:
        click.echo(f"jinsu: {problem}", err=True)
        sys.exit(problem.exit_code)
