"""Great Expectations behind one function: it takes rows, and gives a verdict and a page for people.

The only module that imports great_expectations. Zero rows, an unknown expectation and an exception inside one are all
failures: a verdict never passes unless rows were looked at.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinsu.data.expectations_file import Expectation
from jinsu.data.row_results import added, columns_of, is_of_rows
from jinsu.data.tables import Rows, StoredRows, batches_of
from jinsu.data.validation import Check, Verdict
from jinsu.errors import BadInputError

if TYPE_CHECKING:
    import pandas as pd

_ROWS: Expectation = ("expect_table_row_count_to_be_between", {"min_value": 1})


def always(columns: Sequence[str], target: str) -> list[Expectation]:
    """What the platform demands of every table: rows, the columns that the spec names, and a target in every row."""
    demands: list[Expectation] = [_ROWS]
    demands += [("expect_column_to_exist", {"column": column}) for column in [*columns, target]]
    return [*demands, ("expect_column_values_to_not_be_null", {"column": target})]


def validate(
    rows: Rows, expectations: Sequence[Expectation], name: str, docs: Path, *, quoting: bool = False
) -> Verdict:
    """Runs the expectations over the rows and writes the Data Docs site below `docs`.

    What an expectation says of each row is counted a part of the rows at a time; what it says of a whole column is found with that
    column alone in memory. quoting: whether sentences and pages may show values of rows. Some rows of a dataset are held out, so a
    validation of all of them shows counts, types and names of columns alone.
    Raises BadInputError for an expectation that Great Expectations does not know, or whose arguments do not fit.
    """
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")  # read when the package is imported
    run = _Run(name, docs, 20 if quoting else 0)
    built = [_build(*expectation, place) for place, expectation in enumerate(expectations)]
    outcome = run.outline(built)
    found = {**run.of_batches(built, expectations, rows), **run.of_columns(built, expectations, rows)}
    outcome.results = [found[place] for place in range(len(built))]
    outcome.success = all(result.success for result in outcome.results)
    met = sum(bool(result.success) for result in outcome.results)
    outcome.statistics = {
        "evaluated_expectations": len(built),
        "successful_expectations": met,
        "unsuccessful_expectations": len(built) - met,
        "success_percent": 100 * met / len(built) if built else None,
    }
    for result in outcome.results:
        result.success = bool(result.success)  # the library gives numpy's, which it cannot write down
        if not quoting:
            _take_values(result)
    with _in_a_sentence():
        run.write_docs(outcome)
    checks = tuple(_check_of(result) for result in outcome.results)
    passed = bool(checks) and rows.num_rows > 0 and all(check.passed for check in checks)
    return Verdict(passed, checks, _newest_page(docs))


class _Run:
    """One validation by the library: its context, and where its pages go. quoted: how many values of rows a result may hold."""

    def __init__(self, name: str, docs: Path, quoted: int) -> None:
        import great_expectations as gx

        self._name, self._docs = name, docs
        self._format = {"result_format": "SUMMARY", "partial_unexpected_count": quoted}
        self._context = gx.get_context(mode="ephemeral")
        self._context.variables.progress_bars = {"globally": False}
        for site in list(self._context.get_site_names()):
            self._context.delete_data_docs_site(site)
        backend = {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(docs.absolute())}
        self._context.add_data_docs_site(
            "site",
            {
                "class_name": "SiteBuilder",
                "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
                "store_backend": backend,
            },
        )
        asset = self._context.data_sources.add_pandas("rows").add_dataframe_asset(name)
        self._batch = asset.add_batch_definition_whole_dataframe("all")

    def outline(self, built: Sequence[Any]) -> Any:
        """A result as the pages need one, of a suite by our name; the real results take the place of the one that it holds."""
        import great_expectations as gx
        import pandas as pd

        suite = self._context.suites.add(gx.ExpectationSuite(name=self._name, expectations=[_build(*_ROWS, 0)]))
        definition = gx.ValidationDefinition(name=self._name, data=self._batch, suite=suite)
        found = self._context.validation_definitions.add(definition).run(
            batch_parameters={"dataframe": pd.DataFrame()}, result_format=self._format
        )
        # Given as objects: the library would drop some of several similar configurations that are added one by one.
        self._context.suites.add_or_update(gx.ExpectationSuite(name=self._name, expectations=[*map(_copied, built)]))
        return found

    def of_batches(self, built: Sequence[Any], expectations: Sequence[Expectation], rows: Rows) -> dict[int, Any]:
        """The results of those that look at one row at a time, by their places."""
        chosen = [place for place, one in enumerate(built) if is_of_rows(one)]
        if not chosen:
            return {}
        columns = columns_of([expectations[place] for place in chosen], rows.column_names)
        merged: dict[int, Any] = {}
        for frame in _frames(rows, columns):
            for place, result in self._results([built[place] for place in chosen], frame).items():
                mostly = float(expectations[place][1].get("mostly", 1.0))
                merged[place] = added(merged[place], result, mostly) if place in merged else result
        return merged

    def of_columns(self, built: Sequence[Any], expectations: Sequence[Expectation], rows: Rows) -> dict[int, Any]:
        """The results of all others, by their places."""
        found: dict[int, Any] = {}
        for place, one in enumerate(built):
            if not is_of_rows(one):
                found |= self._results([one], _frame_of(rows, columns_of([expectations[place]], rows.column_names)))
        return found

    def _results(self, built: Sequence[Any], frame: pd.DataFrame) -> dict[int, Any]:
        import great_expectations as gx

        batch = self._batch.get_batch({"dataframe": frame})
        suite = gx.ExpectationSuite(name="part", expectations=[_copied(one) for one in built])
        with _in_a_sentence():
            outcome = batch.validate(suite, result_format=self._format)
        return {result.expectation_config.meta[_PLACE]: result for result in outcome.results}

    def write_docs(self, outcome: Any) -> None:
        store = self._context.validation_results_store
        (key,) = store.list_keys()
        store.update(key, outcome)
        self._context.build_data_docs(["site"])
        _add_style(self._docs)


def _copied(expectation: Any) -> Any:
    """One that belongs to no suite yet."""
    found = copy(expectation)
    found.id = None
    return found


_PLACE = "place"
"""Where an expectation says which one of its list it is."""


@contextmanager
def _in_a_sentence() -> Iterator[None]:
    try:
        yield
    except Exception as problem:  # the library cannot write down every answer that it gives itself
        raise BadInputError(
            f"expectations: Great Expectations failed on them ({type(problem).__name__}); try each alone: jinsu check"
        ) from None


def _frames(rows: Rows, columns: Sequence[str]) -> Iterator[pd.DataFrame]:
    """The columns, a part of the rows at a time; one frame without rows for a table that has none."""
    import pyarrow as pa

    held: list[pa.RecordBatch] = []
    schema = pa.schema([rows.schema.field(name) for name in columns])
    for batch in batches_of(rows, columns):
        held.append(batch)
        if sum(one.num_rows for one in held) >= _FRAME_ROWS or sum(one.nbytes for one in held) >= _FRAME_BYTES:
            yield pa.Table.from_batches(held, schema).to_pandas()
            held = []
    if held or not rows.num_rows:
        yield pa.Table.from_batches(held, schema).to_pandas()


_FRAME_ROWS, _FRAME_BYTES = 500_000, 64 * 2**20
"""How much one call of the library looks at: each call costs a few hundredths of a second."""


def _frame_of(rows: Rows, columns: Sequence[str]) -> pd.DataFrame:
    """All rows, with the values of these columns alone. The others have their names, and one value that takes no memory."""
    import numpy as np
    import pandas as pd

    nothing = np.broadcast_to(np.int8(0), rows.num_rows)
    read = rows.read(columns) if isinstance(rows, StoredRows) else rows.select(columns)
    values = {name: read.column(name).to_pandas() for name in columns}
    return pd.DataFrame({name: values.get(name, nothing) for name in rows.column_names}, copy=False)


def _build(kind: str, arguments: Mapping[str, Any], place: int) -> Any:
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    try:
        return ExpectationConfiguration(type=kind, kwargs=dict(arguments), meta={_PLACE: place}).to_domain_obj()
    except Exception as problem:  # the library raises a different type for each mistake
        raise BadInputError(
            f"expectation {kind}: {_reason(problem)}; see https://greatexpectations.io/expectations"
        ) from None


def _reason(problem: Exception) -> str:
    errors = getattr(problem, "errors", None)
    if callable(errors):
        return "; ".join(f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in errors())
    return str(problem).splitlines()[0] if str(problem) else type(problem).__name__


_STYLE = """<style>
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem}
td,th{padding:.3rem .8rem .3rem 0;text-align:left;vertical-align:top}footer,nav img{display:none}
.fa-check-circle::before{content:"✓"}.fa-times::before{content:"✗"}.fa-exclamation-triangle::before{content:"!"}
</style>"""


def _add_style(docs: Path) -> None:
    """Makes the pages readable without the style sheets that they would fetch from the internet."""
    for page in docs.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        page.write_text(text.replace("<head>", f"<head>{_STYLE}", 1), encoding="utf-8")


def _newest_page(docs: Path) -> str:
    pages = sorted((docs / "validations").rglob("*.html"))
    return pages[-1].relative_to(docs).as_posix() if pages else "index.html"


def _check_of(result: Any) -> Check:
    configuration = result.expectation_config
    arguments = {key: value for key, value in configuration.kwargs.items() if key != "batch_id"}
    written = ", ".join(f"{key}={value}" for key, value in arguments.items())
    raised = [info["exception_message"] for info in _exceptions(result.exception_info) if info.get("raised_exception")]
    if raised:
        detail = f"could not be checked: {raised[0]}"
    else:
        detail = _observed(result.result or {}, bool(result.success))
    return Check(f"{configuration.type}({written})", bool(result.success) and not raised, detail)


_COUNTS = ("_count", "_percent", "_percent_total", "_percent_nonmissing")
_WITHOUT_VALUES = (
    "expect_table_", "expect_column_to_exist", "expect_column_values_to_be_of_type", "expect_column_values_to_be_in_type_list",
    "expect_column_unique_value_count_", "expect_column_proportion_of_",
)  # fmt: skip
"""Expectations whose observed value is a count, a share, a type or the name of a column."""
_MISSING_COLUMN = re.compile(r'The column "?[^"\n]{0,80}"? in BatchData does not exist')


def _take_values(result: Any) -> None:
    """Leaves counts in a result, and what is no value of a row."""
    kind = result.expectation_config.type
    kept = (*_COUNTS, "observed_value") if kind.startswith(_WITHOUT_VALUES) else _COUNTS
    found = {name: value for name, value in (result.result or {}).items() if name.endswith(kept)}
    if "unexpected_percent" not in found:
        found.pop("unexpected_count", None)  # the pages show both or none
    result.result = found
    for info in _exceptions(result.exception_info):
        if info.get("raised_exception"):
            missing = _MISSING_COLUMN.search(str(info.get("exception_message")))
            message = missing[0] if missing else "its values do not fit it; jinsu check shows more, on rows that are not held out"
            info.update(exception_message=message, exception_traceback="")


def _exceptions(info: dict[str, Any] | None) -> list[dict[str, Any]]:
    if not info:
        return []
    return [info] if "raised_exception" in info else [value for value in info.values() if isinstance(value, dict)]


def _observed(result: Mapping[str, Any], passed: bool) -> str:
    if result.get("unexpected_count"):
        examples = ", ".join(str(value) for value in (result.get("partial_unexpected_list") or [])[:3])
        such_as = f", such as {examples}" if examples else ""
        return f"{result['unexpected_count']} of {result.get('element_count')} rows{such_as}"
    if "observed_value" in result:
        return f"observed {result['observed_value']}"
    return "as expected" if passed else "not as expected"
