"""Text that a script or a person wrote, made fit for a database, a terminal and a page. Pure."""

from __future__ import annotations

import re

# Control characters but tab and line feed; halves of surrogate pairs; and what turns the direction of writing.
_HARMFUL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")


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
    return _HARMFUL.sub("�", text.replace("\r\n", "\n"))
