"""Starts a server with secrets in its environment. They come from a private file, so no argument and no log holds them.

python -m jinsu.local.launch ENVIRONMENT.json PROGRAM ARGUMENT…
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path


def main() -> None:
    """Becomes the program, with the variables of the file added to its environment."""
    file, *command = sys.argv[1:]
    os.environ.update(json.loads(Path(file).read_text(encoding="utf-8")))
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
