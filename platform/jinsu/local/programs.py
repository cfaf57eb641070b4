"""The processes of one machine, as data. Pure."""

from __future__ import annotations

import sys
from pathlib import Path

from jinsu.local.supervisor import Program
from jinsu.settings import Settings

AIRFLOW_PARTS = ("api-server", "scheduler", "dag-processor", "triggerer")


def environment_files(settings: Settings) -> Path:
    """Where secrets that a server takes from its environment are kept, mode 0600."""
    return Path(settings.home) / "run" / "environment"


def programs(settings: Settings, dags: Path, envoy: Path) -> list[Program]:
    """Everything but PostgreSQL and the model servers."""
    airflow = [
        _with_secrets(settings, f"airflow-{part}", "airflow", (sys.executable, "-m", "airflow", part, *_flags(part)))
        for part in AIRFLOW_PARTS
    ]
    port = settings.mlflow_url.rpartition(":")[2]
    mlflow = _with_secrets(
        settings,
        "mlflow",
        "mlflow",
        (
            sys.executable,
            "-m",
            "uvicorn",
            "--host",
            "127.0.0.1",
            "--port",
            port,
            "--workers",
            "1",
            "--factory",
            "jinsu.local.mlflow_gate:create_app",
            "--log-level",
            "warning",
            "--timeout-graceful-shutdown",
            "5",
        ),
    )
    home = {"JINSU_HOME": settings.home}
    api_port = settings.api_url.rpartition(":")[2]
    api = Program("api", (sys.executable, "-m", "jinsu.api.serve", "--port", api_port), home)
    controller = Program("controller", (sys.executable, "-m", "jinsu.local.controller"), home)
    gateway = Program(
        "envoy",
        (
            str(envoy),
            "-c",
            str(Path(settings.home) / "run" / "envoy.json"),
            "--concurrency",
            "1",
            "--disable-hot-restart",
            "--log-level",
            "warning",
        ),
    )
    return [mlflow, *airflow, api, controller, gateway]


def _flags(part: str) -> tuple[str, ...]:
    # Without it the scheduler and the triggerer serve their logs on every interface; the files are on this machine.
    return ("--skip-serve-logs",) if part in ("scheduler", "triggerer") else ()


def _with_secrets(settings: Settings, name: str, group: str, command: tuple[str, ...]) -> Program:
    file = environment_files(settings) / f"{group}.json"
    return Program(
        name,
        (sys.executable, "-m", "jinsu.local.launch", str(file), *command),
        {"JINSU_HOME": settings.home},
        settings.home,
    )


def airflow_environment(settings: Settings, dags: Path) -> dict[str, str]:
    """Airflow's configuration. Short intervals: on one machine a second of waiting is a second of somebody's life."""
    home, port = Path(settings.home) / "airflow", settings.airflow_url.rpartition(":")[2]
    sections: dict[str, dict[str, object]] = {
        "core": {
            "executor": "jinsu.orchestration.executor.PreloadedLocalExecutor",
            "parallelism": 4,
            "max_active_tasks_per_dag": 32,
            "max_active_runs_per_dag": 16,
            "load_examples": False,
            "dags_folder": dags,
            "plugins_folder": home / "plugins",
            "dags_are_paused_at_creation": False,
            "fernet_key": settings.fernet_key,
            "execution_api_server_url": f"{settings.airflow_url}/execution/",
            "auth_manager": "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager",
            "simple_auth_manager_users": f"{settings.airflow.name}:admin,reviewer:user",
            "simple_auth_manager_passwords_file": home / "passwords.json",
            "min_serialized_dag_update_interval": 5,
            "min_serialized_dag_fetch_interval": 5,
        },
        "database": {
            "sql_alchemy_conn": settings.airflow_database_url,
            "sql_alchemy_conn_async": settings.airflow_database_url.replace("+psycopg2", "+asyncpg"),
            "sql_alchemy_pool_size": 3,
            "sql_alchemy_max_overflow": 7,
        },
        "api": {
            "host": "127.0.0.1",
            "port": port,
            "workers": 1,
            "base_url": settings.airflow_url,
            "secret_key": settings.airflow_secret,
            "log_fetch_timeout_sec": 2,
        },
        "api_auth": {"jwt_secret": settings.airflow_secret, "jwt_issuer": "jinsu"},
        "logging": {"base_log_folder": home / "logs"},
        "usage_data_collection": {"enabled": False},
        "scheduler": {
            "scheduler_idle_sleep_time": 0.15,
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
            "refresh_interval": 5,
            "min_file_process_interval": 15,
            "print_stats_interval": 0,
            "disable_bundle_versioning": True,
        },
    }
    found = {
        f"AIRFLOW__{section.upper()}__{key.upper()}": str(value)
        for section, values in sections.items()
        for key, value in values.items()
    }
    return {"AIRFLOW_HOME": str(home), "MALLOC_ARENA_MAX": "2", **found}


def mlflow_environment(settings: Settings) -> dict[str, str]:
    """MLflow's configuration for its application factory: one process instead of the fifteen that its command starts."""
    home, address = Path(settings.home) / "mlflow", settings.mlflow_url.removeprefix("http://")
    port = address.rpartition(":")[2]
    return {
        "MLFLOW_AUTH_CONFIG_PATH": str(home / "auth.ini"),
        "MLFLOW_AUTH_ADMIN_USERNAME": settings.mlflow.name,
        "MLFLOW_AUTH_ADMIN_PASSWORD": settings.mlflow.password,
        "MLFLOW_FLASK_SERVER_SECRET_KEY": settings.mlflow_secret,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_SERVER_ALLOWED_HOSTS": f"127.0.0.1:{port},localhost:{port}",
        "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS": f"http://127.0.0.1:{port},http://localhost:{port}",
        "MLFLOW_SQLALCHEMYSTORE_POOL_SIZE": "3",
        "MLFLOW_SQLALCHEMYSTORE_MAX_OVERFLOW": "7",
        "_MLFLOW_SGI_NAME": "uvicorn",
        "_MLFLOW_SERVER_FILE_STORE": settings.mlflow_database_url,
        "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
        "_MLFLOW_SERVER_ARTIFACT_DESTINATION": str(home / "artifacts"),
        "_MLFLOW_SERVER_ARTIFACT_ROOT": "mlflow-artifacts:/",
    }


def mlflow_auth(settings: Settings) -> str:
    """MLflow's authentication file. Nobody may do anything that was not granted."""
    return f"""[mlflow]
default_permission = NO_PERMISSIONS
database_uri = sqlite:///{settings.home}/mlflow/auth.db
admin_username = {settings.mlflow.name}
authorization_function = mlflow.server.auth:authenticate_request_basic_auth
auth_cache_ttl_seconds = 60
"""
