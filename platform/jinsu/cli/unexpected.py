"""What the command line says about an error that no part of Jinsu raised on purpose. Pure."""

from __future__ import annotations

from pydantic import ValidationError

from jinsu.errors import BadInputError, JinsuError
from jinsu.runs.text import clean


def outcome(problem: Exception) -> tuple[str, int]:
    """One sentence, and the exit code. An argument that the API would refuse, and a file that cannot be used, are the caller's to mend."""
    if isinstance(problem, ValidationError):
        named = "; ".join(
            f"{'.'.join(map(str, error['loc']))[:60] or 'argument'}: {error['msg']}"
            for error in problem.errors(include_url=False, include_input=False)[:5]
        )
        return clean(named), BadInputError.exit_code
    if isinstance(problem, OSError) and problem.strerror:
        return clean(f"{problem.filename or 'a file'}: {problem.strerror}."), BadInputError.exit_code
    first = clean(str(problem)).partition("\n")[0][:200]
    report = (
        f"an error of its own: {type(problem).__name__}{f': {first}' if first else ''}. Please report it, with what "
        "JINSU_TRACEBACK=1 prints."
    )
    return report, JinsuError.exit_code
