"""One part of Airflow: its API server, its scheduler, its DAG processor or its triggerer."""

from __future__ import annotations

import os
import sys

from jinsu import settings as configuration
from jinsu.cluster.become import become
from jinsu.resources import dags
from jinsu.servers import airflow as server
from jinsu.settings import Settings

# Beside the settings of one machine: more tasks at a time; addresses, because the host name of a pod means nothing to other
# pods; and patience, because DAGs change only with the image and a busy cluster starts tasks late.
_AIRFLOW = {
    "AIRFLOW__CORE__PARALLELISM": "16",
    "AIRFLOW__CORE__HOSTNAME_CALLABLE": "airflow.utils.net.get_host_ip_address",
    "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "10",
    # The kubelet brings new names for the trigger form up to a minute late, so no process knows when to have them read.
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "15",
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT": "120",
}


def start(part: str) -> None:
    """Becomes `part`, one of `jinsu.servers.airflow.PARTS`."""
    become((sys.executable, "-m", "airflow", part), environment(configuration.load()))


def environment(settings: Settings) -> dict[str, str]:
    """Airflow's configuration in a pod."""
    return {**server.environment(settings, dags()), **_AIRFLOW, "PATH": os.environ["PATH"]}
