"""What an error of the platform is in HTTP. Pure."""

from __future__ import annotations

from jinsu.errors import BadInputError, ConflictError, ForbiddenError, JinsuError, NotFoundError, TransientError

STATUS: tuple[tuple[type[JinsuError], int], ...] = (
    (BadInputError, 422),
    (NotFoundError, 404),
    (ForbiddenError, 403),
    (ConflictError, 409),
    (TransientError, 503),
    (JinsuError, 400),
)


def status_of(problem: JinsuError) -> int:
    """The HTTP status of an error. Pure."""
    return next(code for kind, code in STATUS if isinstance(problem, kind))


def retry_after(problem: JinsuError) -> dict[str, str]:
    """The header that says when a retry can help; nothing for an error that lasts. Pure."""
    return {"retry-after": str(int(problem.retry_after))} if isinstance(problem, TransientError) else {}
