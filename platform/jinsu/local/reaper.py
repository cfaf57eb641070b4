"""A supervisord event listener: when a program's first process has ended, the rest of its process group is killed.

supervisord ends whole groups only when it stops a program itself. After a `kill -9` of the first process alone, its
children would live on beside those of its successor.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys


def main() -> None:
    """Answers supervisord's events until supervisord ends the process."""
    from supervisor import childutils

    while True:
        _headers, payload = childutils.listener.wait(sys.stdin, sys.stdout)
        leader = int(childutils.get_headers(payload).get("pid", 0) or 0)
        if leader > 1:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(leader, signal.SIGKILL)
        childutils.listener.ok(sys.stdout)


if __name__ == "__main__":
    main()
