"""The lifecycle of a model: one DAG for every submission. The file holds the chain of stages and the form alone."""

from __future__ import annotations

import json
import os
from pathlib import Path

from airflow.sdk import DAG, Param, chain

from jinsu.orchestration.operators import DEFAULTS, Admit, Canary, Review, RunStage, Train

DOC = """
### From a training script to a champion

A run goes through nine stages:

1. **admit** pins the dataset and checks the spec
2. **validate_data** runs Great Expectations over every row and cuts the held-out part
3. **train** runs your script (one process a trial)
4. **package** proves that the exported model answers like the original, and fast enough
5. **evaluate** scores the model on rows that training never saw, beside the champion
6. **register** files the version and its evidence in MLflow
7. **review** asks a reviewer: here (*Required Actions*), in MLflow (alias `challenger`) or with `jinsu review approve`
8. **canary** gives the version a growing share of live traffic, and reverts it when the champion is better
9. **promote** makes the version the champion

Trigger a run here for a model that the platform has, or hand over a folder: `jinsu submit FOLDER`.
`jinsu why RUN` says which stage a run is in, and what that stage waits for.
"""


def choices() -> tuple[list[str], list[str]]:
    """Models and dataset references for the form, from the small file that the platform keeps."""
    home = Path(os.environ.get("JINSU_HOME", Path.home() / ".jinsu"))
    path = Path(os.environ.get("JINSU_CATALOG", home / "catalog.json"))
    try:
        catalog = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return [], []
    return sorted(catalog["models"]), [f"{name}@latest" for name in sorted(catalog["datasets"])]


models, datasets = choices()

with DAG(
    dag_id="lifecycle",
    dag_display_name="Model lifecycle",
    doc_md=DOC,
    schedule=None,
    catchup=False,
    max_active_runs=16,
    render_template_as_native_obj=False,
    default_args=DEFAULTS,
    tags=["jinsu"],
    params={
        "model": Param(
            None,
            type=["string", "null"],
            enum=[*models, None],
            title="Model",
            description="A model whose code the platform has: an example, or a model submitted before.",
        ),
        "dataset": Param(
            None,
            type=["string", "null"],
            enum=[*datasets, None],
            title="Dataset",
            description="Leave empty for the dataset in model.yaml. `@latest` is pinned when the run is admitted.",
        ),
        "train_params": Param(
            {},
            type=["object", "null"],
            title="Training parameters",
            description='Overrides of train.params, such as {"epochs": 10}. Values are taken as they are, never rendered.',
        ),
        "submission": Param(
            None,
            type=["string", "null"],
            title="Submission",
            section="Set by the command line",
            maxLength=40,
            description="Leave empty: `jinsu submit` fills it.",
        ),
    },
) as dag:
    admit = Admit(task_id="admit", task_display_name="1 · Admit")
    validate_data = RunStage(task_id="validate_data", task_display_name="2 · Validate data", stage="validate_data")
    train = Train.partial(
        task_id="train",
        task_display_name="3 · Train",
        pool="training",
        map_index_template="trial {{ task.trial }}",
    ).expand(trial=admit.output)
    package = RunStage(task_id="package", task_display_name="4 · Package", stage="package")
    evaluate = RunStage(task_id="evaluate", task_display_name="5 · Evaluate", stage="evaluate")
    register = RunStage(task_id="register", task_display_name="6 · Register", stage="register")
    review = Review(
        task_id="review",
        task_display_name="7 · Review",
        params={"reason": Param("", type=["string", "null"], title="Reason", description="Kept with the answer.")},
    )
    canary = Canary(task_id="canary", task_display_name="8 · Canary")
    promote = RunStage(task_id="promote", task_display_name="9 · Promote", stage="promote")

    chain(admit, validate_data, train, package, evaluate, register, review, canary, promote)
