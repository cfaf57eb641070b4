"""Writes the JSON Schemas and the reference page: `python -m jinsu.spec.publish docs`."""

from __future__ import annotations

import sys
from pathlib import Path

from jinsu.spec.reference import DOCUMENTS, reference_page, schema_text


def main() -> None:
    folder = Path(sys.argv[1])
    for document in DOCUMENTS:
        (folder / f"{document}.schema.json").write_text(schema_text(document), encoding="utf-8")
    (folder / "spec.md").write_text(reference_page(), encoding="utf-8")


if __name__ == "__main__":
    main()
