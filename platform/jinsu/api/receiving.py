"""Files that are sent to the API: where they lie while they come, and how they are written."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from uuid import uuid4

import anyio

from jinsu.errors import BadInputError, TransientError
from jinsu.objects.mirror import Mirror
from jinsu.spec.quantities import format_bytes

_UPLOADS = "uploads"


def upload_name(draft: Path) -> str:
    """The name of a draft among the objects."""
    return f"{_UPLOADS}/{draft.name}"


@asynccontextmanager
async def draft(objects: Mirror, suffix: str = "") -> AsyncIterator[Path]:
    """A file below the objects' folder, which goes at the end of the block, here and in a store."""
    # Among the objects: on their disk, and under no system's small /tmp.
    uploads = objects.root / _UPLOADS
    await anyio.to_thread.run_sync(partial(uploads.mkdir, parents=True, exist_ok=True))
    path = uploads / f"{uuid4().hex}{suffix}"
    try:
        yield path
    finally:
        await anyio.to_thread.run_sync(objects.remove, upload_name(path))


async def receive(stream: AsyncIterator[bytes], path: Path, limit: int) -> str:
    """Writes what is sent, `limit` bytes at most, into a file; returns the sha256 of its content."""
    size, digest = 0, hashlib.sha256()
    try:
        async with await anyio.open_file(path, "wb") as file:
            async for chunk in stream:
                size += len(chunk)
                if size > limit:
                    raise BadInputError(f"dataset: a file of over {format_bytes(limit)} was sent; split it.")
                digest.update(chunk)
                await file.write(chunk)
    except OSError as problem:
        raise TransientError(
            f"dataset: cannot be stored: {problem.strerror}; free disk space and try again.", 30
        ) from problem
    return digest.hexdigest()
