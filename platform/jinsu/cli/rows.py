"""The rows that a person types for `jinsu predict`. Pure."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from jinsu.errors import BadInputError


def read_rows(text: str) -> bytes:
    """The body of a request about the rows. Raises BadInputError for what no request can hold."""
    try:
        rows = json.loads(text, parse_constant=_refuse)
        return json.dumps({"inputs": rows}, allow_nan=False).encode()
    except RecursionError:
        raise BadInputError("ROWS: is nested too deeply; write a list of inputs, such as '[[0.1, 0.2]]'.") from None
    except json.JSONDecodeError as problem:
        place = f"line {problem.lineno}, column {problem.colno}"
        raise BadInputError(
            f"ROWS: not JSON at {place}: {problem.msg}; write a list of inputs, such as '[[0.1, 0.2]]'."
        ) from None
    except ValueError:  # a number that is too large: for a float, or to be read at all
        raise BadInputError("ROWS: holds a number that is too large; a model takes finite numbers.") from None


def _refuse(constant: str) -> NoReturn:
    raise BadInputError(
        f"ROWS: {constant} is no number of JSON, and a model takes finite numbers; leave the row out, or fill the value in."
    )


def predictions_of(document: Any) -> list[Any]:
    """The predictions in the answer of an endpoint. Raises BadInputError for an answer that is none."""
    found = document.get("predictions") if isinstance(document, dict) else None
    if not isinstance(found, list):
        raise BadInputError("the endpoint's answer holds no predictions; is it a model's? See: jinsu status")
    return found
