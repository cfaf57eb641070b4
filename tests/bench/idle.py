"""What the platform at rest takes of a core: one model served, no run open. Beside it the same platform, which polls."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import httpx
import psutil
from tests.bench.figure import Figure, Say, at_most, plain
from tests.bench.machine import family, free_ports, installation, processor_seconds, programs, put_digits, seconds_until

from jinsu import settings as configuration
from jinsu.cli.client import Client
from jinsu.cli.demo import approve_when_asked, submit
from jinsu.cli.running import follow_run
from jinsu.local import up as local
from jinsu.state.states import SubmissionState

SETTLE_SECONDS, MEASURED_SECONDS = 45.0, 60.0
_HOW = (
    f"Processor time of all processes in {MEASURED_SECONDS:g} s, from {SETTLE_SECONDS:g} s after the last run ended or the "
    "platform started, in percent of one core; one model is served, no run is open, and no request comes in"
)


def measure(say: Say) -> list[Figure]:
    with installation(say) as home:
        port = free_ports()
        local.up(port, say)
        say("serving one model")
        _serve_one_model(home)
        notified = _processor(say)
        local.down(False, say)
        replace(configuration.load(), notifications=False).write()
        configuration.load.cache_clear()
        local.up(port, say)
        polled = _processor(say)
    return [
        at_most("processor: idle platform", sum(notified.values()), "%", 8, f"{_HOW}."),
        plain(
            "processor: idle platform that polls", sum(polled.values()), "%", f"{_HOW}; notifications are switched off."
        ),
        *(
            plain(f"processor: idle platform, {name}", percent, "%", f"Its part; {polled[name]:.2f} % when it polls.")
            for name, percent in sorted(notified.items(), key=lambda item: -item[1])
        ),
    ]


def _serve_one_model(home: Path) -> None:
    client = Client()
    put_digits(client)
    run = submit(client, 2)
    approve_when_asked(run)
    ended = follow_run(client, run, quiet=True)
    if ended.state is not SubmissionState.SUCCEEDED:
        raise RuntimeError(f"run {run} {ended.state}: {ended.reason}")
    endpoint = f"{configuration.load().endpoint_url}/models/digits/health"
    seconds_until(lambda: httpx.get(endpoint).is_success, "the endpoint", 30)


def _processor(say: Say) -> dict[str, float]:
    """Percent of one core, by program."""
    say(f"settling for {SETTLE_SECONDS:g} s")
    time.sleep(SETTLE_SECONDS)
    leaders = programs()
    before, begun = _seconds(leaders), time.monotonic()
    say(f"measuring for {MEASURED_SECONDS:g} s")
    time.sleep(MEASURED_SECONDS)
    after, took = _seconds(leaders), time.monotonic() - begun
    return {name: 100 * (after[name] - before[name]) / took for name in leaders}


def _seconds(leaders: dict[str, psutil.Process]) -> dict[str, float]:
    return {name: processor_seconds(family(name, leader)) for name, leader in leaders.items()}
