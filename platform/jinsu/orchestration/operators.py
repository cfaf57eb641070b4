"""The lifecycle's tasks as Airflow operators. They name what to call; everything worth testing is in `jinsu.lifecycle`.

No field is templated: what a user wrote stays text. A wait begins in the worker, where it ends within a fraction of a
second, and is handed to the triggerer when it lasts (docs/adr/0005).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from importlib import import_module
from typing import Any

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import BaseOperator

from jinsu.orchestration.links import DataDocsLink, EndpointLink, EvidenceLink, RunLink

PATIENCE = 30.0
_POLL = 0.15


class _Task(BaseOperator):  # type: ignore[misc]
    """Turns Jinsu's errors into Airflow's: permanent ones end the run, transient ones are tried again."""

    template_fields = ()
    operator_extra_links = (RunLink(), DataDocsLink(), EvidenceLink(), EndpointLink())

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.links: dict[str, str] = {}

    def submission(self, context: Any) -> str:
        return str(context["ti"].xcom_pull(task_ids="admit", key="submission"))

    def guarded(self, call: Callable[[], Any]) -> Any:
        from airflow.sdk.exceptions import AirflowException, AirflowFailException

        from jinsu.errors import JinsuError, TransientError

        try:
            return call()
        except TransientError as problem:
            raise AirflowException(str(problem)) from problem
        except JinsuError as problem:
            self.log.error("%s", problem)
            raise AirflowFailException(str(problem)) from problem

    def linked(self, submission: str) -> None:
        from jinsu.installation import connect
        from jinsu.runs.links import links_of

        self.links = links_of(connect(), submission)


class Admit(_Task):
    """Takes a submission made by the command line, or makes one from the trigger form."""

    def execute(self, context: Any) -> list[int]:
        from jinsu.installation import connect
        from jinsu.lifecycle import admit

        run = context["dag_run"]

        def work() -> tuple[str, list[int]]:
            return admit.run(connect(), dict(context["params"]), run.run_id, str(run.triggering_user_name or "airflow"))

        submission, trials = self.guarded(work)
        context["ti"].xcom_push("submission", submission)
        self.linked(submission)
        self.log.info("run %s", submission)
        return list(trials)


class Call(_Task):
    """Calls `module:run(platform, submission)` and keeps its small output."""

    def __init__(self, *, module: str, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.module = module

    def execute(self, context: Any) -> Any:
        from jinsu.installation import connect

        submission = self.submission(context)
        run = import_module(self.module).run
        try:
            output = self.guarded(lambda: run(connect(), submission))
        finally:
            self.linked(submission)
        self.log.info("%s", output)
        return {key: value for key, value in output.items() if isinstance(value, str | int | float)}


class Train(_Task):
    """One trial: starts the researcher's process or finds it, shows its log, records its end."""

    def __init__(self, *, trial: int, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.trial = trial

    def execute(self, context: Any) -> Any:
        from jinsu.installation import connect
        from jinsu.lifecycle import train
        from jinsu.orchestration.log_following import show
        from jinsu.orchestration.triggers import StepTrigger
        from jinsu.steps.status import WAITING

        platform, submission = connect(), self.submission(context)
        self.linked(submission)
        key = self.guarded(lambda: train.start(platform, submission, int(self.trial)))
        offset, patience = 0, time.monotonic() + PATIENCE
        while platform.launcher.status(key).phase in WAITING:
            offset = show(platform.launcher, key, offset, self.log.info)
            if time.monotonic() > patience:
                self.defer(trigger=StepTrigger(run_key=key, offset=offset), method_name="finish")
            time.sleep(_POLL)
        return self.finish(context, {"offset": offset})

    def finish(self, context: Any, event: dict[str, Any]) -> Any:
        from jinsu.installation import connect
        from jinsu.lifecycle import train
        from jinsu.orchestration.log_following import show

        platform, submission = connect(), self.submission(context)
        self.linked(submission)
        row, spec = platform.submission(submission)
        key = train.step_for(platform, row, spec, int(self.trial)).run_key
        show(platform.launcher, key, int(event.get("offset", 0)), self.log.info, ended=True)
        output = self.guarded(lambda: train.finish(platform, submission, int(self.trial), key))
        return {"run_key": output["run_key"], "seconds": output["seconds"]}


class Review(HITLOperator):  # type: ignore[misc]
    """Asks a person. Airflow's Required Actions, MLflow's alias and `jinsu review` all answer this one question."""

    template_fields = ()
    operator_extra_links = (RunLink(), EvidenceLink())

    def __init__(self, **arguments: Any) -> None:
        super().__init__(
            **{"subject": "May this model meet live traffic?", "options": ["Approve", "Reject"], **arguments}
        )
        self.links: dict[str, str] = {}

    def execute(self, context: Any) -> Any:
        from jinsu.installation import connect
        from jinsu.lifecycle import review
        from jinsu.runs.links import links_of

        platform = connect()
        submission = str(context["ti"].xcom_pull(task_ids="admit", key="submission"))
        self.links = links_of(platform, submission)
        if review.ask(platform, submission).state != "open":
            return self._end(submission)
        self.body = review.question(platform, submission, self.links)
        return super().execute(context)

    def execute_complete(self, context: Any, event: dict[str, Any]) -> Any:
        from airflow.sdk.exceptions import AirflowException

        from jinsu.errors import ConflictError, ForbiddenError
        from jinsu.installation import connect
        from jinsu.lifecycle import review

        answered = super().execute_complete(context, event)
        submission = str(context["ti"].xcom_pull(task_ids="admit", key="submission"))
        who = answered["responded_by_user"] or {}
        try:
            review.answer(
                connect(),
                submission,
                approved="Approve" in answered["chosen_options"],
                reviewer=str(who.get("name") or who.get("id") or "airflow"),
                via="airflow",
                reason=str((answered["params_input"] or {}).get("reason") or ""),
            )
        except ConflictError:
            pass  # answered elsewhere meanwhile; that answer stands
        except ForbiddenError as problem:
            raise AirflowException(f"{problem} The question is asked again.") from problem
        return self._end(submission)

    def _end(self, submission: str) -> Any:
        from airflow.sdk.exceptions import AirflowFailException

        from jinsu.errors import GateFailedError
        from jinsu.installation import connect
        from jinsu.lifecycle import review

        try:
            return review.finish(connect(), submission)
        except GateFailedError as problem:
            raise AirflowFailException(str(problem)) from problem


class Canary(_Task):
    """Asks for the rollout and waits until the controller has decided it."""

    def execute(self, context: Any) -> Any:
        from jinsu.installation import connect
        from jinsu.lifecycle import canary
        from jinsu.orchestration.triggers import RolloutTrigger

        platform, submission = connect(), self.submission(context)
        self.linked(submission)
        self.guarded(lambda: canary.start(platform, submission))
        patience, said = time.monotonic() + PATIENCE, ""
        while canary.waiting(platform, submission):
            _, state = canary.current(platform, submission)
            if (now := f"{state.phase} {state.step}: {state.reason}") != said:
                said = now
                self.log.info("%s", now)
            if time.monotonic() > patience:
                self.defer(trigger=RolloutTrigger(submission), method_name="finish")
            time.sleep(_POLL)
        return self.finish(context, {})

    def finish(self, context: Any, event: dict[str, Any]) -> Any:
        from jinsu.installation import connect
        from jinsu.lifecycle import canary

        submission = self.submission(context)
        self.linked(submission)
        return self.guarded(lambda: canary.finish(connect(), submission))


# The first retries come at once (a killed worker), the last ones after a minute (an outage of a quarter of an hour).
DEFAULTS = {
    "retries": 25,
    "retry_delay": timedelta(seconds=1),
    "retry_exponential_backoff": 1.5,
    "max_retry_delay": timedelta(seconds=60),
}
