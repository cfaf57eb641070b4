"""`python -m tests.cluster.harness possible|prepare|up|images|down|status`: the test cluster of this machine.

`possible` and `prepare` need the standard library only, so that Kubernetes is built while packages are installed.
"""

from __future__ import annotations

import os
import sys
import time

from tests.cluster.harness import debian


def main() -> None:
    verb = sys.argv[1] if len(sys.argv) > 1 else "status"
    begun = time.monotonic()

    def say(what: str) -> None:
        print(f"{time.monotonic() - begun:5.0f} s  {what}", flush=True)

    if reason := debian.impossible():
        sys.exit(f"no test cluster here: {reason}")
    if given := os.environ.get("JINSU_TEST_KUBECONFIG"):
        say(f"the cluster of {given} is used")
        return
    match verb:
        case "possible":
            return
        case "prepare":
            say("installing Debian's packages")
            debian.install_packages()
            say("building Kubernetes (about ten minutes, once)")
            say(f"ready: {debian.kubernetes()}")
        case "up":
            from tests.cluster.harness import node

            debian.install_packages()
            kubeconfig = node.up(debian.kubernetes(), say)
            say(f"ready. export KUBECONFIG={kubeconfig}")
        case "images":
            from tests.cluster.harness.images import TARGETS, images

            say("building our images (minutes the first time)")
            say(f"in the node: {', '.join(images(TARGETS).values())}")
        case "down":
            from tests.cluster.harness import node

            node.down()
            say("nothing of it is left")
        case "status":
            from tests.cluster.harness import node

            print("up" if node.alive() else "down")
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
