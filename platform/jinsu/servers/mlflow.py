"""MLflow's configuration, as the environment of its process and the file of its accounts. Pure."""

from __future__ import annotations

import sys
from pathlib import Path
from urllib.parse import urlsplit

from jinsu.servers.mlflow_app import AUTHORIZATION
from jinsu.settings import Settings
from jinsu.web.options import flags


def command(bind: str, port: str) -> tuple[str, ...]:
    """The command that serves MLflow in one process, behind `jinsu.servers.mlflow_gate`."""
    options = ("--host", bind, "--port", port, "--workers", "1", "--factory", *flags())
    return (sys.executable, "-m", "uvicorn", *options, "jinsu.servers.mlflow_gate:create_app")


def environment(settings: Settings) -> dict[str, str]:
    """What MLflow's application factory reads. `mlflow server` would set it too, but starts fifteen processes."""
    home, port = Path(settings.home) / "mlflow", settings.mlflow_url.rpartition(":")[2]
    public = [name for url in (settings.mlflow_url, settings.address("mlflow")) for name in _names(url)]
    # In a cluster a person reaches MLflow through a forwarded port of any number. No page of another site can make a
    # browser send these two host names.
    local_port = port if settings.bind == "127.0.0.1" else "*"
    hosts = list(dict.fromkeys([f"127.0.0.1:{local_port}", f"localhost:{local_port}", *public]))
    return {
        "MLFLOW_AUTH_CONFIG_PATH": str(home / "auth.ini"),
        "MLFLOW_AUTH_ADMIN_USERNAME": settings.mlflow.name,
        "MLFLOW_AUTH_ADMIN_PASSWORD": settings.mlflow.password,
        "MLFLOW_FLASK_SERVER_SECRET_KEY": settings.mlflow_secret,
        "MLFLOW_BASIC_AUTH_FAIL_CLOSED": "true",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_SERVER_ALLOWED_HOSTS": ",".join(hosts),
        "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS": ",".join(
            [*(f"http://{host}" for host in hosts), settings.address("mlflow")]
        ),
        "MLFLOW_SQLALCHEMYSTORE_POOL_SIZE": "3",
        "MLFLOW_SQLALCHEMYSTORE_MAX_OVERFLOW": "7",
        "_MLFLOW_SGI_NAME": "uvicorn",
        "_MLFLOW_SERVER_FILE_STORE": settings.mlflow_database_url,
        "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
        "_MLFLOW_SERVER_ARTIFACT_DESTINATION": settings.artifacts or str(home / "artifacts"),
        "_MLFLOW_SERVER_ARTIFACT_ROOT": "mlflow-artifacts:/",
    }


def authentication(settings: Settings) -> str:
    """The text of MLflow's authentication file. A user may do only what was granted; the gate says whose a request is."""
    database = settings.mlflow_auth_database_url or f"sqlite:///{settings.home}/mlflow/auth.db"
    database = database.replace("%", "%%")  # the file is read by ConfigParser
    return f"""[mlflow]
default_permission = NO_PERMISSIONS
database_uri = {database}
admin_username = {settings.mlflow.name}
authorization_function = {AUTHORIZATION}
"""


def _names(url: str) -> tuple[str, ...]:
    """`host:port` of an address. A Service of Kubernetes is called by its short name too, in its own namespace."""
    place = urlsplit(url)
    service, _, rest = (place.hostname or "").partition(".")
    return (place.netloc, f"{service}:{place.port}") if rest.endswith(".svc") else (place.netloc,)
