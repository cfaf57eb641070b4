"""A small part of `make fuzz`, with one seed: every reader of what strangers send, and the API by its description."""

import os
from pathlib import Path

import pytest
from tests.fuzz import generated, http
from tests.fuzz.tally import Tally
from tests.fuzz.targets import TARGETS, Target, try_one

SEED = int(os.environ.get("JINSU_FUZZ_SEED", "9"))


def faultless(tally: Tally) -> None:
    print(f"seed {SEED}: {tally.line()}")
    assert not tally.faults, "\n".join(tally.faults)


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_a_reader_refuses_in_its_own_ways_only(target: Target) -> None:
    tally = generated.run(target, 60, SEED)
    faultless(tally)
    assert tally.distinct >= 40


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_what_is_spoilt_was_good(target: Target) -> None:
    """Else every change of it would be refused for the same reason."""
    if target.name in ("Open Inference Protocol", "MLflow's protocol", "cookie of a sign-in"):
        return  # read by models of several kinds, of which each takes its own; or tied to a browser
    for text in target.seeds:
        assert try_one(target, text) == "accepted"


def test_every_request_gets_an_answer_in_one_sentence(tmp_path: Path) -> None:
    tally = http.run(http.application(tmp_path), 3, SEED)
    faultless(tally)
    assert tally.distinct >= 150


def test_a_fault_is_found() -> None:
    """The search sees what it looks for."""
    broken = Target("broken", lambda data: 1 // (len(data) % 7), (b"1234567",))
    assert generated.run(broken, 200, SEED).faults
    assert http._complaint(type("Answer", (), {"text": "Traceback", "status_code": 200})(), None)
