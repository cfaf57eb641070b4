"""Amounts as types of the spec's fields: pydantic accepts the text that people write, and gives numbers."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema

from jinsu.spec.quantities import parse_bytes, parse_seconds, parse_threshold

# Written to JSON as plain numbers, so that nothing is rounded on the way.
Bytes = Annotated[
    int,
    BeforeValidator(parse_bytes),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": r"^\s*\d+(\.\d+)?\s*(Ki|Mi|Gi|Ti|K|M|G|T)\s*$", "examples": ["1Gi"]},
                {"type": "integer", "exclusiveMinimum": 0},
            ]
        }
    ),
]
Seconds = Annotated[
    float,
    BeforeValidator(parse_seconds),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": r"^\s*\d+(\.\d+)?\s*(ms|s|m|h|d)\s*$", "examples": ["5s"]},
                {"type": "number", "exclusiveMinimum": 0},
            ]
        }
    ),
]
Threshold = Annotated[
    float,
    BeforeValidator(parse_threshold),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": r"^\s*>=?\s*-?\d+(\.\d+)?\s*$", "examples": [">= -0.002"]},
                {"type": "number"},
            ]
        }
    ),
]
