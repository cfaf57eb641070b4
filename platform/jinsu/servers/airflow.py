"""Airflow's configuration, as the environment of its processes. Pure."""

from __future__ import annotations

from pathlib import Path

from jinsu.settings import Settings

PARTS = ("api-server", "scheduler", "dag-processor", "triggerer")
"""Airflow's processes, by the command that starts each."""
PLUGINS = Path(__file__).parents[1] / "orchestration" / "plugins"
"""The folder from which Airflow loads the platform's links in its menu."""


def environment(settings: Settings, dags: Path) -> dict[str, str]:
    """Airflow's configuration. dags: the folder of the DAG files.

    The intervals are short, because the nine stages of a run wait for the scheduler many times.
    """
    home, port = Path(settings.home) / "airflow", settings.airflow_url.rpartition(":")[2]
    sections: dict[str, dict[str, object]] = {
        "core": {
            "executor": "jinsu.orchestration.executor.PreloadedLocalExecutor",
            "parallelism": 4,
            "max_active_tasks_per_dag": 32,
            "max_active_runs_per_dag": 100_000,  # the controller lets runs in (docs/adr/0020-queues.md)
            "load_examples": False,
            "dags_folder": dags,
            "plugins_folder": PLUGINS,
            "dags_are_paused_at_creation": False,
            # Only `admit` reads what was filled in. Otherwise every task of a run would check the values again, against a
            # form that has changed since, and a run that waits for a reviewer would fail when it goes on.
            "dag_run_conf_overrides_params": False,
            "fernet_key": settings.fernet_key,
            "execution_api_server_url": f"{settings.airflow_url}/execution/",
            "auth_manager": "jinsu.orchestration.auth_manager.JinsuAuthManager",
            "min_serialized_dag_update_interval": 5,
            "min_serialized_dag_fetch_interval": 5,
        },
        "database": {
            "sql_alchemy_conn": settings.airflow_database_url,
            "sql_alchemy_conn_async": _asynchronous(settings.airflow_database_url),
            "sql_alchemy_pool_size": 3,
            "sql_alchemy_max_overflow": 7,
        },
        "api": {
            "host": settings.bind,
            "port": port,
            "workers": 1,
            "base_url": settings.address("airflow"),
            "secret_key": settings.airflow_secret,
            "log_fetch_timeout_sec": 2,
        },
        "api_auth": {
            "jwt_secret": settings.airflow_secret,
            "jwt_issuer": "jinsu",
            "jwt_expiration_time": 43200,
            "jwt_cli_expiration_time": 3600,
        },
        "logging": {"base_log_folder": home / "logs"},
        "usage_data_collection": {"enabled": False},
        "scheduler": {
            # Each look costs about 20 ms, also at a run that waits for a reviewer; the executor puts first what has changed.
            "max_dagruns_per_loop_to_schedule": 8,
            "scheduler_idle_sleep_time": 0,  # the executor waits; any other executor needs a second here
            "task_instance_heartbeat_timeout": 15,
            "task_instance_heartbeat_timeout_detection_interval": 5,
            "job_heartbeat_sec": 5,
            "scheduler_health_check_threshold": 15,
            "orphaned_tasks_check_interval": 10,
            "trigger_timeout_check_interval": 5,
            "task_queued_timeout": 60,
            "task_queued_timeout_check_interval": 10,
        },
        "workers": {"min_heartbeat_interval": 1},
        "triggerer": {"job_heartbeat_sec": 3, "triggerer_health_check_threshold": 12},
        "dag_processor": {
            "parsing_processes": 1,
            "refresh_interval": 60,
            "min_file_process_interval": 120,  # the controller has the file parsed when the form's names change
            "print_stats_interval": 0,
            "disable_bundle_versioning": True,
        },
    }
    variables = {
        f"AIRFLOW__{section.upper()}__{key.upper()}": str(value)
        for section, values in sections.items()
        for key, value in values.items()
    }
    return {"AIRFLOW_HOME": str(home), "MALLOC_ARENA_MAX": "2", **variables}


def _asynchronous(url: str) -> str:
    """The URL of the same database for asyncpg, in which libpq's option `sslmode` is called `ssl`."""
    return url.replace("+psycopg2", "+asyncpg").replace("sslmode=", "ssl=")
