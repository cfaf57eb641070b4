"""Airflow's LocalExecutor with its workers' imports paid once, before they are forked.

Without it the first task of each worker spends over a second on imports; with it a task costs 0.15 s
(`make bench`, row "airflow overhead a step").
"""

from __future__ import annotations

from importlib import import_module

from airflow.executors.local_executor import LocalExecutor

_PRELOADED = (
    "airflow.sdk.execution_time.supervisor",
    "airflow.sdk.execution_time.task_runner",
    "airflow.sdk.api.client",
    "airflow.sdk.definitions.dag",
    "airflow.sdk.execution_time.coordinator",
    "airflow.dag_processing.dagbag",
    "airflow.sdk.execution_time.secrets_masker",
    "airflow.providers.standard.operators.hitl",
    "jinsu.orchestration.operators",
    "jinsu.installation",
    "jinsu.lifecycle.admit",
    "jinsu.lifecycle.stages",
    "psycopg",
    "sqlalchemy.dialects.postgresql.psycopg",
    "pyarrow.parquet",
    "onnxruntime",
)


class PreloadedLocalExecutor(LocalExecutor):  # type: ignore[misc]
    def start(self) -> None:
        for module in _PRELOADED:
            try:
                import_module(module)
            except ImportError as problem:  # a module that moved costs time, not the scheduler
                self.log.warning("not preloaded: %s", problem)
        super().start()
