"""A supervisord event listener: when a program's leader has died, its process group goes with it.

supervisord ends whole groups only when it stops a program itself; after a `kill -9` of the leader its children
would live on beside the leader's successor.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys


def main() -> None:
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
