"""Writes the JSON Schema and the reference page: `python -m jinsu.spec.publish docs`."""

from __future__ import annotations

import sys
from pathlib import Path

from jinsu.spec.reference import reference_page, schema_text


def main() -> None:
    folder = Path(sys.argv[1])
    (folder / "model.schema.json").write_text(schema_text(), encoding="utf-8")
    (folder / "spec.md").write_text(reference_page(), encoding="utf-8")


if __name__ == "__main__":
    main()
