"""What `jinsu status` shows of each process."""

import os
import subprocess
import sys

from jinsu.cli.installation import _resident_mb


def test_a_process_that_ended_since_it_was_listed_has_no_memory() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert _resident_mb(ended.pid) == 0
    assert _resident_mb(None) == 0
    assert _resident_mb(os.getpid()) > 1
