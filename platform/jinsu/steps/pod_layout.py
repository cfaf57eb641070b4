"""The folders and variables of a step's pod, which a launcher gives and the containers find. Pure."""

from __future__ import annotations

STORE_VARIABLE = "JINSU_STORE"
STEP_FOLDER = "/jinsu/step"
ACCESS_FOLDER = "/jinsu/access"
"""Where the Secret of an attempt is mounted: the token, and for `stage` alone the step's own secrets."""
TOKEN_NAME = "token"  # noqa: S105  # the name of a file
SECRETS_NAME = "secrets.json"
LINE_FOLDER = "/jinsu/line"
LINE_SOCKET = f"{LINE_FOLDER}/runner.sock"
"""Where the runner finds its uploader."""


def pod_variables(broker: str, run_key: str, attempt: str, ca_file: str | None) -> dict[str, str]:
    """The variables that `jinsu.steps.pod_context` reads. ca_file: certificates of the store's private authority."""
    return {
        "JINSU_BROKER": broker,
        "JINSU_RUN_KEY": run_key,
        "JINSU_ATTEMPT": attempt,
        **({"JINSU_CA_FILE": ca_file} if ca_file else {}),
    }
