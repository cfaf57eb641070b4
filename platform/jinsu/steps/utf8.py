"""UTF-8 text that is read piece by piece."""

from __future__ import annotations


def unfinished_bytes(chunk: bytes) -> int:
    """How many bytes at the chunk's end begin a character whose other bytes are not in the chunk (0 to 3).

    Bytes that can be no beginning of a character count as none.
    """
    for count in range(1, min(4, len(chunk) + 1)):
        byte = chunk[-count]
        if byte >= 0xC0:
            length = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return count if length > count else 0
        if byte < 0x80:
            return 0
    return 0
