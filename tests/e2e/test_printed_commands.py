"""What `jinsu up` prints for a person to type reaches this very platform, from another folder and another shell."""

import os
import subprocess
from typing import Any

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def test_the_printed_command_reaches_the_running_platform(platform: Any) -> None:
    line = platform.jinsu("up").rpartition("Stop with: ")[2].strip()
    assert line.endswith(" down")
    status = f"{line.removesuffix('down')}status"
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}
    shown = subprocess.run(
        ["bash", "-c", status], cwd="/", env=environment, capture_output=True, text=True, timeout=60, check=True
    ).stdout
    assert f"http://127.0.0.1:{platform.port}/docs" in shown
    assert "airflow-scheduler" in shown
