"""Text that a script or a person wrote, made fit for a database, a terminal and a page. Pure."""

from __future__ import annotations

import re

from jinsu.spec.characters import HARMFUL

# Colours, which say nothing; and a carriage return, after which a terminal writes over what it has shown.
_COLOUR = re.compile("\x1b\\[[0-9;:]*m")
_RETURN = re.compile("\r+\n?")


def readable(text: str) -> str:
    """The output of a program, fit for a terminal or a page: colours go, and what would be written over gets its own line.

    Every other sequence that a terminal acts on stays visible as harmless text behind a `�`.
    """
    return clean(_RETURN.sub("\n", _COLOUR.sub("", text)))


def clean(text: str) -> str:
    """The text with `�` in place of each character that a database refuses or a terminal acts on; Windows' line ends go."""
    return HARMFUL.sub("�", text.replace("\r\n", "\n"))
