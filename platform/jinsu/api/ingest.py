"""Makes a dataset version, in a process of its own: `python -m jinsu.api.ingest NAME FILE USER`."""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from jinsu.errors import JinsuError
from jinsu.installation import connect
from jinsu.steps.inputs import unpack


def main() -> None:
    name, source, user = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    store = connect().datasets
    try:
        with tempfile.TemporaryDirectory(dir=source.parent) as folder:
            if source.name.endswith(".tar.gz"):
                unpack(source, Path(folder))
                source = Path(folder)
            print(json.dumps(asdict(store.put(name, source, user))))
    except JinsuError as problem:
        print(str(problem).replace(str(source), source.name), file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
