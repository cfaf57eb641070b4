"""The lifecycle of a model: one DAG for each team, all alike. The file holds the chain of stages and the form alone."""

from __future__ import annotations

from airflow.sdk import DAG, Param, chain

from jinsu.clients.dag_ids import DEFAULT_TEAM, dag_of
from jinsu.orchestration import form
from jinsu.orchestration.operators import DEFAULTS, Admit, Canary, Review, RunStage, StepStage

DOC = """
### From a training script to a champion

A run goes through nine stages:

1. **admit** pins the dataset and checks the spec
2. **validate_data** runs Great Expectations over every row and cuts the held-out part
3. **train** runs your script (one process a trial)
4. **package** proves that the exported model answers like the original, and fast enough
5. **evaluate** scores the model on rows that training never saw, beside the champion
6. **register** files the version and its evidence in MLflow
7. **review** asks reviewers of the team: here (*Required Actions*), in MLflow (alias `challenger`) or with
   `jinsu review approve`
8. **canary** gives the version a growing share of live traffic, and reverts it when the champion is better
9. **promote** makes the version the champion

Trigger a run here for code that the platform has, or hand over a folder: `jinsu submit FOLDER`.
`jinsu why RUN` says which stage a run is in, and what that stage waits for; `jinsu cancel RUN` ends it.
"""

MOST_ACTIVE = 100_000
"""Airflow counts a run that waits for a reviewer too. How many runs work is up to the controller (docs/adr/0020-queues.md)."""


def lifecycle(team: str, offered: form.Choices) -> None:
    """Makes the DAG that carries the runs of a team; Airflow finds it by itself."""
    with DAG(
        dag_id=dag_of(team),
        dag_display_name="Model lifecycle" if team == DEFAULT_TEAM else f"Model lifecycle · {team}",
        doc_md=DOC,
        schedule=None,
        catchup=False,
        max_active_runs=MOST_ACTIVE,
        render_template_as_native_obj=False,
        default_args=DEFAULTS,
        tags=["jinsu"],
    ) as dag:
        admit = Admit(task_id="admit", task_display_name="1 · Admit")
        validate_data = StepStage(task_id="validate_data", task_display_name="2 · Validate data", stage="validate_data")
        train = StepStage.partial(
            task_id="train",
            stage="train",
            task_display_name="3 · Train",
            pool="training",
            map_index_template="trial {{ task.trial }}",
        ).expand(trial=admit.output)
        package = StepStage(task_id="package", task_display_name="4 · Package", stage="package")
        evaluate = StepStage(task_id="evaluate", task_display_name="5 · Evaluate", stage="evaluate")
        register = RunStage(task_id="register", task_display_name="6 · Register", stage="register")
        review = Review(
            task_id="review",
            task_display_name="7 · Review",
            params={"reason": Param("", type=["string", "null"], title="Reason", description="Kept with the answer.")},
        )
        canary = Canary(task_id="canary", task_display_name="8 · Canary")
        promote = RunStage(task_id="promote", task_display_name="9 · Promote", stage="promote")

        chain(admit, validate_data, train, package, evaluate, register, review, canary, promote)

    for field in form.fields(offered):  # after the tasks: each would make a copy of every field
        dag.params[field.name] = Param(field.value, description=field.description, **field.schema)


for team, offered in form.read().items():
    lifecycle(team, offered)
