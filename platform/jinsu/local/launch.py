"""Starts a server with secrets in its environment, read from a private file: none is ever in an argument or a log.

python -m jinsu.local.launch ENVIRONMENT.json PROGRAM ARGUMENT…
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path


def main() -> None:
    file, *command = sys.argv[1:]
    os.environ.update(json.loads(Path(file).read_text(encoding="utf-8")))
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
