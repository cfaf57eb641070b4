"""What Airflow's operators make of a form and of an answer; the stages themselves are put in by the tests."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException, TaskAwaitingInput, TaskDeferred

from jinsu.clients.airflow import PLATFORM
from jinsu.clients.dag_ids import dag_of
from jinsu.errors import ConflictError, ForbiddenError, JinsuError, NotFoundError, TransientError
from jinsu.lifecycle.admit import Form, _refuse_foreign
from jinsu.orchestration import form, operators
from jinsu.runs.reviews import Said
from jinsu.state.states import Door, ReviewState, Verdict
from jinsu.state.tables import Submission

TEAM, RUN, CODE = "shopping", "titles-1", "a" * 64


def dag_run(conf: Any, user: str | None = "mira") -> Any:
    return SimpleNamespace(run_id="manual__1", dag_id=dag_of(TEAM), conf=conf, triggering_user_name=user)


# --- What the form means to the stage `admit` ---


@pytest.fixture
def offered(monkeypatch: pytest.MonkeyPatch) -> None:
    code = form.Code("titles", "categories", CODE, "rita", 0.0, {"lr": 0.1, "epochs": 3})
    monkeypatch.setattr(form, "read", lambda: {TEAM: form.Choices((), (code,)), "search": form.Choices()})


def test_a_form_is_the_persons_who_pressed_the_button(offered: None) -> None:
    sent = {"code": CODE, "problem": "shops", "gpu": 1, "titles.lr": 0.2, "titles.epochs": 3}
    assert operators._form({"dag_run": dag_run(sent)}) == Form(
        dag_run="manual__1",
        user="mira",
        team=TEAM,
        code=CODE,
        problem="shops",
        overrides={"train.resources.gpu": 1, "train.params.lr": 0.2},
    )


def test_the_command_line_names_a_submission(offered: None) -> None:
    found = operators._form({"dag_run": dag_run({"submission": RUN})})
    assert found == Form(dag_run="manual__1", user="mira", team=TEAM, submission=RUN)


@pytest.mark.parametrize("conf", [None, {}, {"code": None}, {"code": "b" * 64}])
def test_a_form_without_code_is_refused(offered: None, conf: Any) -> None:
    with pytest.raises(JinsuError, match="code: choose the version"):
        operators._form({"dag_run": dag_run(conf)})


@pytest.mark.parametrize(
    ("team", "user", "begun", "sentence"),
    [
        ("search", "mira", None, "titles-1 is not mira's in team search"),
        (TEAM, "rita", None, "titles-1 is not rita's in team shopping"),
        (TEAM, "mira", "titles-1", "titles-1 has begun already"),
    ],
)
def test_nobody_starts_a_run_of_somebody_else_or_one_that_runs(
    team: str, user: str, begun: str | None, sentence: str
) -> None:
    row = Submission(id=RUN, team=TEAM, submitter="mira", dag_run=begun)
    with pytest.raises(ForbiddenError, match=sentence):
        _refuse_foreign(row, Form("manual__1", user, team, submission=RUN))


@pytest.mark.parametrize("begun", [None, RUN])
def test_the_platform_starts_a_run_in_its_submitters_name(begun: str | None) -> None:
    row = Submission(id=RUN, team=TEAM, submitter="mira", dag_run=begun)
    _refuse_foreign(row, Form(RUN, "mira", TEAM, submission=RUN))
    _refuse_foreign(row, Form("another-engine", "", submission=RUN))


# --- Answers to the review ---


@dataclass
class FakeReviews:
    """Takes every answer. state: where the question stands after one. problem: what an answer is refused with."""

    state: ReviewState = ReviewState.OPEN
    problem: Exception | None = None
    said: list[Said] = field(default_factory=list)

    def give(self, run: str, said: Said) -> None:
        assert run == RUN
        if self.problem is not None:
            raise self.problem
        self.said.append(said)

    def of(self, run: str) -> Any:
        return SimpleNamespace(state=self.state)

    def in_words(self, review: Any) -> str:
        return "1 of 2 approvals: rita"


@dataclass
class Asking:
    """A review that has asked its question. asked: the bodies; notes: what was written beside the task."""

    reviews: FakeReviews
    asked: list[str]
    notes: list[tuple[str, ...]]
    note_problem: Exception | None = None
    earlier: dict[int, Any] = field(default_factory=dict)

    def try_again(self, number: int) -> Any:
        """Airflow begins the task anew."""
        task = SimpleNamespace(run_id="manual__1", task_id="review", dag_id=dag_of(TEAM), id="2", try_number=number)
        task.xcom_pull = lambda task_ids, key: RUN
        operator = operators.Review(task_id="review", params={"reason": ""})
        return operator.execute({"ti": task, "task_instance": task})

    def answer(self, person: str | None, option: str = "Approve", reason: str = "looks right") -> Any:
        task = SimpleNamespace(run_id="manual__1", task_id="review", dag_id=dag_of(TEAM), id="1", try_number=1)
        task.xcom_pull = lambda task_ids, key: RUN
        event = {
            "chosen_options": [option],
            "params_input": {"reason": reason},
            "responded_at": datetime.now(UTC),
            "responded_by_user": None if person is None else {"id": person, "name": person},
        }
        operator = operators.Review(task_id="review", params={"reason": ""})
        return operator.execute_complete({"ti": task, "task_instance": task}, event)


@pytest.fixture
def asking(monkeypatch: pytest.MonkeyPatch) -> Asking:
    found = Asking(FakeReviews(), [], [])

    @dataclass
    class Finished:
        by: str = "rita"

    def note(run: str, task: str, text: str, team: str) -> None:
        if found.note_problem is not None:
            raise found.note_problem
        found.notes.append((run, task, text, team))

    stage = SimpleNamespace(
        reviews=found.reviews,
        ask=lambda run: SimpleNamespace(state=found.reviews.state),
        question=lambda run, links: f"about {run}",
        finish=lambda run: Finished(),
    )
    airflow = SimpleNamespace(note=note, answer_of_try=lambda run, task, number, team: found.earlier.get(number))
    installation = SimpleNamespace(links=SimpleNamespace(of=lambda run: {}), airflow=airflow)
    monkeypatch.setattr(operators, "_review_stage", lambda: stage)
    monkeypatch.setattr("jinsu.installation.connect", lambda: installation)
    monkeypatch.setattr(
        "airflow.providers.standard.operators.hitl.upsert_hitl_detail", lambda **sent: found.asked.append(sent["body"])
    )
    return found


@pytest.mark.parametrize(
    ("option", "verdict"),
    [("Approve", Verdict.APPROVE), ("Reject", Verdict.REJECT), ("Ask for changes", Verdict.ASK_CHANGES)],
)
def test_an_answer_is_given_in_the_name_of_the_person(asking: Asking, option: str, verdict: Verdict) -> None:
    asking.reviews.state = ReviewState.APPROVED
    assert asking.answer("rita", option) == {"by": "rita"}
    assert asking.reviews.said == [Said("rita", verdict, Door.AIRFLOW, "looks right")]


def test_the_options_are_all_the_verdicts() -> None:
    assert [Verdict(value) for value in operators.OPTIONS.values()] == list(Verdict)


def test_an_approval_that_does_not_suffice_asks_again(asking: Asking) -> None:
    with pytest.raises(TaskAwaitingInput):  # no attempt of the task is used up
        asking.answer("rita")
    assert asking.reviews.said == [Said("rita", Verdict.APPROVE, Door.AIRFLOW, "looks right")]
    assert asking.asked == [f"about {RUN}"]
    text = "So far: 1 of 2 approvals: rita. Another reviewer of the team is asked."
    assert asking.notes == [("manual__1", "review", text, TEAM)]


def test_an_answer_of_a_person_who_may_not_give_it_asks_again_and_says_why(asking: Asking) -> None:
    asking.reviews.problem = ForbiddenError("mira submitted run titles-1; another person must review it.")
    with pytest.raises(TaskAwaitingInput):
        asking.answer("mira")
    assert asking.notes[0][2].startswith("mira submitted run titles-1; another person must review it. So far: 1 of 2")


def test_an_answer_through_another_door_stands(asking: Asking) -> None:
    asking.reviews.state, asking.reviews.problem = (
        ReviewState.REJECTED,
        ConflictError("it was rejected by rita already"),
    )
    assert asking.answer("omar") == {"by": "rita"}


@pytest.mark.parametrize("person", [PLATFORM, None])
def test_what_the_platform_carries_over_is_nobodys_opinion(asking: Asking, person: str | None) -> None:
    asking.reviews.state = ReviewState.APPROVED
    assert asking.answer(person) == {"by": "rita"}
    asking.reviews.state = ReviewState.OPEN
    with pytest.raises(TaskAwaitingInput):
        asking.answer(person)
    assert asking.reviews.said == []


def test_the_question_is_asked_again_also_where_no_note_can_be_written(asking: Asking) -> None:
    asking.note_problem = TransientError("Airflow does not answer")
    with pytest.raises(TaskAwaitingInput):
        asking.answer("rita")


def test_an_answer_that_airflow_lost_before_the_stage_had_it_is_taken_when_the_task_is_tried_again(
    asking: Asking,
) -> None:
    """Airflow took it a moment after the question had been asked again, and then tried the task anew."""
    answer = {"chosen_options": ["Approve"], "params_input": {"reason": "fine"}, "responded_by_user": {"id": "rita"}}
    asking.earlier = {2: answer}
    with pytest.raises(TaskAwaitingInput):
        asking.try_again(3)
    assert asking.reviews.said == [Said("rita", Verdict.APPROVE, Door.AIRFLOW, "fine")]

    asking.reviews.said.clear()
    for number in (1, 2):  # the first try of all, and one before which nobody answered
        with pytest.raises(TaskAwaitingInput):
            asking.try_again(number)
    assert asking.reviews.said == []


@pytest.mark.parametrize(
    ("problem", "kind"),
    [(TransientError("MLflow does not answer"), AirflowException), (NotFoundError("no review"), AirflowFailException)],
)
def test_other_troubles_end_the_attempt(asking: Asking, problem: Exception, kind: type[Exception]) -> None:
    asking.reviews.problem = problem
    with pytest.raises(kind) as raised:
        asking.answer("rita")
    assert type(raised.value) is kind


# --- Errors that nobody raised on purpose ---


@dataclass
class Recorded:
    """A journal that takes every failure, and a task that runs."""

    failures: list[tuple[Any, ...]] = field(default_factory=list)
    problem: Exception | None = None

    def failed(self, run: str, stage: str, problem: Exception, trial: int = 0) -> None:
        if self.problem is not None:
            raise self.problem
        self.failures.append((run, stage, type(problem), trial))


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> Recorded:
    found = Recorded()
    task = SimpleNamespace(task_id="train", map_index=2, xcom_pull=lambda task_ids, key: RUN)
    monkeypatch.setattr("airflow.sdk.get_current_context", lambda: {"ti": task, "dag_run": dag_run({})})
    monkeypatch.setattr("jinsu.installation.connect", lambda: SimpleNamespace(journal=found))
    return found


def failing(problem: Exception) -> Any:
    raise problem


@pytest.mark.parametrize("problem", [KeyError("a"), NotFoundError("the rows are gone")])
def test_an_error_that_no_retry_helps_is_recorded_and_ends_the_task(recorded: Recorded, problem: Exception) -> None:
    with pytest.raises(AirflowFailException, match=r"KeyError: 'a'|the rows are gone"):
        operators._guarded(lambda: failing(problem))
    assert recorded.failures == [(RUN, "train", type(problem), 2)]


@pytest.mark.parametrize("problem", [ConnectionResetError(104, "reset"), TransientError("MLflow does not answer")])
def test_a_server_that_is_away_is_tried_again(recorded: Recorded, problem: Exception) -> None:
    with pytest.raises(AirflowException) as raised:
        operators._guarded(lambda: failing(problem))
    assert type(raised.value) is AirflowException
    assert recorded.failures == [(RUN, "train", type(problem), 2)]


def test_a_form_that_names_the_run_of_another_person_ends_no_run(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only what the stage `admit` has admitted is this task's run; the person chose everything else."""
    task = SimpleNamespace(task_id="admit", map_index=-1, xcom_pull=lambda task_ids, key: None)
    context = {"ti": task, "dag_run": dag_run({"submission": "victim-1"})}
    monkeypatch.setattr("airflow.sdk.get_current_context", lambda: context)
    with pytest.raises(AirflowFailException):
        operators._guarded(lambda: failing(ForbiddenError("victim-1 is not mira's in team shopping")))
    assert recorded.failures == []


def test_a_failure_that_cannot_be_recorded_yet_is_tried_again(recorded: Recorded) -> None:
    """Otherwise Airflow alone would know of it, and the run would have ended without a sentence."""
    recorded.problem = TransientError("OperationalError: the database is away; it is tried again.")
    with pytest.raises(AirflowException) as raised:
        operators._guarded(lambda: failing(KeyError("a")))
    assert type(raised.value) is AirflowException


# --- A place among the runs that work ---


@dataclass
class Admitting:
    """An installation whose stage `admit` passes. placed: whether the run has a place."""

    placed: list[bool]

    def execute(self) -> Any:
        task = SimpleNamespace(xcom_push=lambda key, value: None, xcom_pull=lambda task_ids, key: RUN)
        return operators.Admit(task_id="admit").execute({"ti": task, "dag_run": dag_run({"submission": RUN})})


@pytest.fixture
def admitting(monkeypatch: pytest.MonkeyPatch) -> Admitting:
    found = Admitting([True])
    admitted = SimpleNamespace(trials=3)
    journal = SimpleNamespace(output=lambda kind, run: admitted, submission=lambda run: SimpleNamespace(id=run))
    places = SimpleNamespace(
        has=lambda run: found.placed.pop(0) if found.placed else False, in_words=lambda row: "It waits for a place."
    )
    installation = SimpleNamespace(
        places=places,
        journal=journal,
        links=SimpleNamespace(of=lambda run: {}),
        build=lambda kind: SimpleNamespace(run=lambda form: (RUN, admitted), journal=journal),
    )
    monkeypatch.setattr("jinsu.installation.connect", lambda: installation)
    monkeypatch.setattr(operators, "_PLACE_WAIT", 0.2)
    return found


def test_a_run_that_has_a_place_begins(admitting: Admitting) -> None:
    assert admitting.execute() == [0, 1, 2]
    admitting.placed = [False, True]
    assert admitting.execute() == [0, 1, 2]


def test_a_run_without_a_place_waits_in_no_worker(admitting: Admitting) -> None:
    admitting.placed = []
    with pytest.raises(TaskDeferred) as deferred:
        admitting.execute()
    assert deferred.value.method_name == "finish"
    assert deferred.value.trigger.serialize()[1] == {"submission": RUN}
