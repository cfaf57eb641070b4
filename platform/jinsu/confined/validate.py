"""The program VALIDATE: Great Expectations over every row of a dataset."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinsu.codec import decode
from jinsu.confined.findings import write_findings
from jinsu.confined.tasks import DATASET, DOCS, Validate, Validation
from jinsu.data.expectations import always, validate
from jinsu.data.expectations_file import read_expectations
from jinsu.data.tables import open_delta
from jinsu.packaging.inputs import feature_columns
from jinsu.sdk.step_files import StepFiles


def run(document: Mapping[str, Any], secrets: Mapping[str, str], files: StepFiles) -> None:
    details = decode(Validate, document)
    table = open_delta(files.inputs / DATASET)
    columns = feature_columns(table.column_names, details.features, details.target, details.column)
    given = [] if details.expectations is None else read_expectations(details.expectations, details.source)
    every = [*always(columns, details.target), *given]
    verdict = validate(table, every, details.name, files.out / DOCS)
    write_findings(files.out, Validation(verdict.passed, verdict.checks, verdict.page, table.num_rows))
