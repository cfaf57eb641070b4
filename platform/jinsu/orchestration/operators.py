"""The lifecycle's stages as Airflow operators. An operator calls one stage; what a stage does is in `jinsu.lifecycle`.

No field is templated: what a user wrote stays text. A wait begins in the worker, which sees its end within a fraction
of a second; a wait that lasts is handed to the triggerer (docs/adr/0005).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import BaseOperator

from jinsu.orchestration.links import DataDocsLink, EndpointLink, EvidenceLink, RunLink

if TYPE_CHECKING:
    from jinsu.lifecycle.admit import Form
    from jinsu.lifecycle.review import Review as ReviewStage
    from jinsu.lifecycle.stepping import Stepping
    from jinsu.lifecycle.stepping import StepStage as LifecycleStepStage

WORKER_WAIT = 30.0
"""Seconds that a stage waits in its worker, before the triggerer takes over."""
_FIRST_POLL, _POLL = 0.03, 0.15
_PLACE_WAIT = 3.0
"""Seconds that a run from the form waits for its place in a worker; the controller gives a free one at once."""
OPTIONS = {"Approve": "approve", "Reject": "reject", "Ask for changes": "ask changes"}
"""What a reviewer may choose in Airflow, each with the verdict (`jinsu.state.states.Verdict`) that it gives."""

_Value = TypeVar("_Value")


def _guarded(call: Callable[[], _Value]) -> _Value:
    """The call's result, with errors as Airflow's: permanent ones end the run, transient ones are tried again.

    The run's record says either before Airflow hears of it: also an error that came before the stage's own work, and an
    exception that nobody raised on purpose, which would otherwise be tried 25 times.
    """
    from airflow.sdk.exceptions import AirflowException, AirflowFailException

    from jinsu.errors import TransientError
    from jinsu.runs.unknown import known

    try:
        try:
            return call()
        except Exception as problem:
            _record(problem)
            raise known(problem) from problem
    except TransientError as problem:
        raise AirflowException(str(problem)) from problem
    except Exception as problem:
        raise AirflowFailException(str(known(problem))) from problem


def _record(problem: Exception) -> None:
    """Writes into the run's record that the stage of the task that runs now met a problem; before `admit`, there is none."""
    from airflow.sdk import get_current_context

    from jinsu.installation import connect
    from jinsu.runs.stages import StageName

    try:
        context: Any = get_current_context()
    except RuntimeError:  # no task runs: the operator is called from elsewhere
        return
    task = context["ti"]
    run = task.xcom_pull(task_ids="admit", key="submission")
    if run is None:  # nobody knows yet whether the person may start this run; a form can name another person's
        return
    connect().journal.failed(str(run), StageName(task.task_id), problem, max(0, task.map_index))


def _submission(context: Any) -> str:
    """Id of the submission, as the stage `admit` left it."""
    return str(context["ti"].xcom_pull(task_ids="admit", key="submission"))


class _StageOperator(BaseOperator):  # type: ignore[misc]
    """What the operators of all stages but `review` share: the submission's id and the buttons."""

    template_fields = ()
    operator_extra_links = (RunLink(), DataDocsLink(), EvidenceLink(), EndpointLink())

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.links: Mapping[str, str] = {}

    def submission(self, context: Any) -> str:
        return _submission(context)

    def link(self, run: str) -> None:
        """Finds the addresses of the buttons, which change as the run proceeds."""
        from jinsu.installation import connect

        self.links = connect().links.of(run)


class Admit(_StageOperator):
    """Admits the submission that the command line made, or makes one from the trigger form.

    The output is the numbers of the trials, one mapped task each. A run from the form waits for its place among the runs that
    work; one from the command line begins when it has one.
    """

    def execute(self, context: Any) -> list[int]:
        from jinsu.installation import connect
        from jinsu.lifecycle import admit
        from jinsu.orchestration.triggers import PlaceTrigger

        stage, places = connect().build(admit.Admit), connect().places
        run, _ = _guarded(lambda: stage.run(_form(context)))
        context["ti"].xcom_push("submission", run)
        self.link(run)
        self.log.info("run %s", run)
        deadline = time.monotonic() + _PLACE_WAIT
        while not _guarded(lambda: places.has(run)):
            if time.monotonic() > deadline:
                self.log.info("%s", places.in_words(stage.journal.submission(run)))
                self.defer(trigger=PlaceTrigger(run), method_name="finish")
            time.sleep(_POLL)
        return self.finish(context, {})

    def finish(self, context: Any, event: Mapping[str, Any]) -> list[int]:
        from jinsu.installation import connect
        from jinsu.runs.stages import Admitted

        run = self.submission(context)
        self.link(run)
        return list(range(_guarded(lambda: connect().journal.output(Admitted, run)).trials))


def _form(context: Any) -> Form:
    """What the person filled in. Raises BadInputError for a form that cannot be understood."""
    from jinsu.clients.dag_ids import team_of
    from jinsu.lifecycle.admit import Form
    from jinsu.orchestration import form

    dag_run, values = context["dag_run"], context["dag_run"].conf or {}
    team = str(team_of(dag_run.dag_id))
    begun = Form(dag_run=dag_run.run_id, user=str(dag_run.triggering_user_name or "airflow"), team=team)
    if submission := values.get("submission"):
        return replace(begun, submission=str(submission))
    chosen = form.filled(values, form.read().get(team, form.Choices()))
    return replace(begun, code=chosen.code, problem=chosen.problem, overrides=chosen.overrides)


class RunStage(_StageOperator):
    """A stage that waits for no person, no step and no traffic."""

    def __init__(self, *, stage: str, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.stage = stage

    def execute(self, context: Any) -> Any:
        from jinsu.installation import connect
        from jinsu.lifecycle.stages import STAGES
        from jinsu.runs.stages import StageName

        run = self.submission(context)
        stage = connect().build(STAGES[StageName(self.stage)])
        try:
            output = _guarded(lambda: stage.run(run))
        finally:
            self.link(run)
        self.log.info("%s", output)
        return {name: value for name, value in asdict(output).items() if isinstance(value, str | int | float)}


class StepStage(_StageOperator):
    """A stage whose work is done in steps: starts each or finds it at work, shows its log, and records the end."""

    def __init__(self, *, stage: str, trial: int = 0, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.stage, self.trial = stage, trial

    def execute(self, context: Any) -> Any:
        from jinsu.orchestration.log_following import show
        from jinsu.orchestration.triggers import StepTrigger

        run, trial = self.submission(context), int(self.trial)
        self.link(run)
        stepping, stage = self._parts()
        while (key := _guarded(lambda: stepping.start(stage, run, trial))) is not None:
            offset, deadline, poll = 0, time.monotonic() + WORKER_WAIT, _FIRST_POLL
            while stepping.waiting(key):
                offset = show(stepping.launcher, key, offset, self.log.info)
                if time.monotonic() > deadline:
                    self.defer(trigger=StepTrigger(key, offset, self.stage, run, trial), method_name="resume")
                time.sleep(poll)
                poll = min(_POLL, poll * 1.5)
            self._end(run, trial, key, offset)
        return self._finish(run, trial)

    def resume(self, context: Any, event: Mapping[str, Any]) -> Any:
        """Goes on after the end of a step that the triggerer waited for."""
        run = self.submission(context)
        self._end(run, int(self.trial), str(event["run_key"]), int(event["offset"]))
        return self.execute(context)

    def _end(self, run: str, trial: int, key: str, offset: int) -> None:
        from jinsu.orchestration.log_following import show

        stepping, stage = self._parts()
        show(stepping.launcher, key, offset, self.log.info, ended=True)
        _guarded(lambda: stepping.end(stage, run, trial, key))

    def _finish(self, run: str, trial: int) -> Any:
        stepping, stage = self._parts()
        try:
            output = _guarded(lambda: stepping.finish(stage, run, trial))
        finally:
            self.link(run)
        self.log.info("%s", output)
        return shown(output)

    def _parts(self) -> tuple[Stepping, LifecycleStepStage]:
        return stage_in_steps(self.stage)


def stage_in_steps(name: str) -> tuple[Stepping, LifecycleStepStage]:
    """What carries out the stage of this name, and the stage."""
    from jinsu.installation import connect
    from jinsu.lifecycle.stages import STEP_STAGES
    from jinsu.lifecycle.stepping import Stepping
    from jinsu.runs.stages import StageName

    installation = connect()
    return installation.build(Stepping), installation.build(STEP_STAGES[StageName(name)])


def shown(output: Any) -> dict[str, Any]:
    """What Airflow shows of a stage's output."""
    return {name: value for name, value in asdict(output).items() if isinstance(value, str | int | float)}


class Review(HITLOperator):  # type: ignore[misc]
    """Asks reviewers. Airflow's Required Actions, MLflow's alias and `jinsu review` all answer the same question.

    Whoever answers here is a reviewer of the team (`jinsu.orchestration.permissions`). An answer that does not decide, such
    as the first of two approvals, is recorded, and the question is asked again.
    """

    template_fields = ()
    operator_extra_links = (RunLink(), EvidenceLink())

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**{"subject": "May this model meet live traffic?", "options": list(OPTIONS), **arguments})
        self.links: Mapping[str, str] = {}

    def execute(self, context: Any) -> Any:
        from jinsu.installation import connect
        from jinsu.state.states import ReviewState

        run = _submission(context)
        self.links = connect().links.of(run)
        stage = _review_stage()
        _guarded(lambda: stage.ask(run))
        if (lost := self._lost_answer(context)) is not None:
            _guarded(lambda: _give(run, lost))
        if _guarded(lambda: stage.ask(run)).state is not ReviewState.OPEN:
            return self._end(run)
        self.body = stage.question(run, self.links)
        return super().execute(context)

    def execute_complete(self, context: Any, event: dict[str, Any]) -> Any:
        from jinsu.state.states import ReviewState

        response = super().execute_complete(context, event)
        run = _submission(context)
        refusal = _guarded(lambda: _give(run, response))
        reviews = _review_stage().reviews
        asked = reviews.of(run)
        if asked is None or asked.state is not ReviewState.OPEN:
            return self._end(run)
        stands = f"So far: {reviews.in_words(asked)}. Another reviewer of the team is asked."
        return self._ask_again(context, f"{refusal} {stands}".strip())

    def _lost_answer(self, context: Any) -> Mapping[str, Any] | None:
        """What a person answered to the last try, which Airflow lost before the answer reached the stage."""
        from jinsu.clients.dag_ids import team_of
        from jinsu.errors import JinsuError
        from jinsu.installation import connect

        task = context["ti"]
        if task.try_number < 2:
            return None
        try:
            team = str(team_of(task.dag_id))
            return connect().airflow.answer_of_try(task.run_id, task.task_id, task.try_number - 1, team=team)
        except JinsuError as problem:
            self.log.warning("no earlier answer was read: %s", problem)
            return None

    def _ask_again(self, context: Any, why: str) -> Any:
        """Waits for another answer, and shows beside the task why: Airflow keeps the text of the first question."""
        from jinsu.clients.dag_ids import team_of
        from jinsu.errors import JinsuError
        from jinsu.installation import connect

        self.log.info("%s", why)
        task = context["ti"]
        try:
            connect().airflow.note(task.run_id, task.task_id, why, team=str(team_of(task.dag_id)))
        except JinsuError as problem:
            self.log.warning("no note was written: %s", problem)
        return self.execute(context)

    def _end(self, run: str) -> Any:
        return asdict(_guarded(lambda: _review_stage().finish(run)))


def _give(run: str, response: Mapping[str, Any]) -> str:
    """Records what a person answered in Airflow. Returns the sentence that refuses it; "" for an answer that was taken."""
    from jinsu.clients.airflow import PLATFORM
    from jinsu.errors import ConflictError, ForbiddenError
    from jinsu.runs.reviews import Said
    from jinsu.state.states import Door, Verdict

    person = str((response["responded_by_user"] or {}).get("id") or PLATFORM)
    if person == PLATFORM:  # an answer through another door, which is recorded already
        return ""
    verdict = Verdict(OPTIONS[response["chosen_options"][0]])
    reason = str((response["params_input"] or {}).get("reason") or "")
    try:
        _review_stage().reviews.give(run, Said(person, verdict, Door.AIRFLOW, reason))
    except ConflictError:
        return ""  # an answer through another door was first, and stands
    except ForbiddenError as problem:
        return str(problem)
    return ""


def _review_stage() -> ReviewStage:
    from jinsu.installation import connect
    from jinsu.lifecycle import review

    return connect().build(review.Review)


class Canary(_StageOperator):
    """Asks for the rollout and waits until the controller has decided it."""

    def execute(self, context: Any) -> Any:
        from jinsu.installation import connect
        from jinsu.lifecycle import canary
        from jinsu.orchestration.triggers import RolloutTrigger

        stage, run = connect().build(canary.Canary), self.submission(context)
        self.link(run)
        _guarded(lambda: stage.start(run))
        deadline, logged = time.monotonic() + WORKER_WAIT, ""
        while _guarded(lambda: stage.waiting(run)):
            state = _guarded(lambda: stage.state(run))
            if (line := f"{state.phase} {state.step}: {state.reason}") != logged:
                logged = line
                self.log.info("%s", line)
            if time.monotonic() > deadline:
                self.defer(trigger=RolloutTrigger(run), method_name="finish")
            time.sleep(_POLL)
        return self.finish(context, {})

    def finish(self, context: Any, event: Mapping[str, Any]) -> Any:
        from jinsu.installation import connect
        from jinsu.lifecycle import canary

        run = self.submission(context)
        self.link(run)
        return asdict(_guarded(lambda: connect().build(canary.Canary).finish(run)))


DEFAULTS = {
    "retries": 25,
    "retry_delay": timedelta(seconds=1),
    "retry_exponential_backoff": 1.5,
    "max_retry_delay": timedelta(seconds=60),
}
"""Arguments of every task. The first retries come at once, for a killed worker; the last ones a minute apart, so that
all of them outlast an outage of a quarter of an hour."""
