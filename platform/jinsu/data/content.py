"""What a dataset version holds, as the two writers of content (`tables`, `file_sets`) measure it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

CONTENT_FOLDER = "content"
"""Where a version's rows or files lie, below the folder of the step that wrote them."""

ContentKind = Literal["table", "files"]


@dataclass(frozen=True)
class Content:
    """digest: sha256, 64 hexadecimal digits. rows: table rows, or files. size: bytes. schema: type of each column, by name.

    packed: whether the files lie in packs, beside a listing and a table of the files.
    """

    kind: ContentKind
    digest: str
    rows: int
    size: int
    schema: Mapping[str, str]
    packed: bool = False
