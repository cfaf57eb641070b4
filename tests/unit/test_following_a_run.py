"""What `jinsu follow` shows of a run that goes on, and of one that waits for a person."""

from __future__ import annotations

from typing import Any

import pytest

from jinsu.api.models import Run, Stage
from jinsu.cli import running
from jinsu.runs.stages import StageName
from jinsu.state.states import StageState, SubmissionState


def run_in(state: SubmissionState, why: str, *stages: Stage) -> Run:
    return Run(
        id="toy-1", model="toy", team="default", problem="toy", submitter="ann", state=state, reason="", dataset="toy@1", created=0.0,
        ended=1.0 if state.ended else None, mlflow_run=None, dag_run="toy-1", why=why, stages=list(stages), rules=[],
        rollout=None, links={},
    )  # fmt: skip


REVIEW = Stage(
    name=StageName.REVIEW, trial=0, state=StageState.RUNNING, detail="", started=0.0, ended=None, run_key=None, output=None
)  # fmt: skip


class Answers:
    """A client whose answers are given, one for each question; an error among them is raised."""

    def __init__(self, *answers: Run | BaseException) -> None:
        self._answers = iter(answers)

    def get(self, _path: str, _kind: Any) -> Run:
        answer = next(self._answers)
        if isinstance(answer, BaseException):
            raise answer
        return answer


def test_ctrl_c_leaves_the_run_and_says_how_to_follow_it_again(capsys: pytest.CaptureFixture[str]) -> None:
    client: Any = Answers(run_in(SubmissionState.RUNNING, "train is running"), KeyboardInterrupt())

    with pytest.raises(SystemExit) as ended:
        running._follow(client, "toy-1", False)

    assert ended.value.code == 130
    assert "The run goes on. Follow it again: jinsu follow toy-1" in capsys.readouterr().err


def test_a_log_says_once_that_a_person_is_waited_for(capsys: pytest.CaptureFixture[str]) -> None:
    waits = run_in(SubmissionState.RUNNING, "It waits for a person to review version 1", REVIEW)
    client: Any = Answers(waits, waits, waits, run_in(SubmissionState.SUCCEEDED, "It succeeded: promoted."))

    running.follow_run(client, "toy-1")

    shown = capsys.readouterr()
    assert shown.err.count("It waits for a person to review version 1") == 1
    assert shown.out == "It succeeded: promoted.\n"
