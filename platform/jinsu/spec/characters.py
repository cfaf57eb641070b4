"""Characters that no text of a person may bring into a database, a terminal or a page. Pure."""

from __future__ import annotations

import re

HARMFUL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")
"""Control characters but tab and line feed; halves of surrogate pairs; and what turns the direction of writing."""


def harmful_in(text: str) -> str:
    """The first harmful character, as `U+001B`; "" for text without one."""
    found = HARMFUL.search(text)
    return f"U+{ord(found[0]):04X}" if found else ""


def is_name(text: str, longest: int) -> bool:
    """Whether a text may name something: one line of 1 to `longest` characters, none of them harmful."""
    return 0 < len(text) <= longest and not HARMFUL.search(text) and "\n" not in text and "\t" not in text
