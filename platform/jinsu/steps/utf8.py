"""Text that arrives in pieces."""

from __future__ import annotations


def unfinished_bytes(chunk: bytes) -> int:
    """How many bytes at the end begin a character whose rest is not there yet (0 to 3)."""
    for place in range(1, min(4, len(chunk) + 1)):
        byte = chunk[-place]
        if byte >= 0xC0:
            length = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return place if length > place else 0
        if byte < 0x80:
            return 0
    return 0
