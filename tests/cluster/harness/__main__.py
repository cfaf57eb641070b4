"""`python -m tests.cluster.harness up|down|status`: the test cluster of this machine."""

from __future__ import annotations

import sys
import time

from tests.cluster.harness import debian, node


def main() -> None:
    verb = sys.argv[1] if len(sys.argv) > 1 else "status"
    begun = time.monotonic()

    def say(what: str) -> None:
        print(f"{time.monotonic() - begun:5.0f} s  {what}", flush=True)

    match verb:
        case "prepare":
            say("installing Debian's packages")
            debian.install_packages()
            say("building Kubernetes (about ten minutes, once)")
            say(f"ready: {debian.kubernetes()}")
        case "up":
            debian.install_packages()
            kubeconfig = node.up(debian.kubernetes(), say)
            say(f"ready. export KUBECONFIG={kubeconfig}")
        case "down":
            node.down()
            say("nothing of it is left")
        case "status":
            print("up" if node.alive() else "down")
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
