"""`python -m tests.cluster.harness possible|prepare|up|images|down|status`: the test cluster.

`possible` and `prepare` need the standard library only, so that Kubernetes is built while packages are installed.
"""

from __future__ import annotations

import sys
import time

from tests.cluster.harness.clusters import TARGETS, chosen


def main() -> None:
    verb = sys.argv[1] if len(sys.argv) > 1 else "status"
    begun = time.monotonic()

    def say(what: str) -> None:
        print(f"{time.monotonic() - begun:5.0f} s  {what}", flush=True)

    cluster = chosen()
    if reason := cluster.impossible():
        sys.exit(f"no test cluster here: {reason}")
    match verb:
        case "possible":
            return
        case "prepare":
            cluster.prepare(say)
        case "up":
            cluster.up(say)
            say(f"ready. export KUBECONFIG={cluster.kubeconfig}")
        case "images":
            say("our images are built where they are not given (minutes the first time)")
            say(f"in the cluster: {', '.join(cluster.images(TARGETS).values())}")
        case "down":
            cluster.down()
            say("nothing of ours is left")
        case "status":
            print("up" if cluster.alive() else "down")
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
