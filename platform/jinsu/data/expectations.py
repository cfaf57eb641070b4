"""Great Expectations behind one function: it takes rows, and gives a verdict and a page for people.

The only module that imports great_expectations. Zero rows, an unknown expectation and an exception inside one are all
failures: a verdict never passes unless rows were looked at.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinsu.data.expectations_file import Expectation
from jinsu.data.validation import Check, Verdict
from jinsu.errors import BadInputError

if TYPE_CHECKING:
    import pandas as pd

def always(columns: Sequence[str], target: str) -> list[Expectation]:
    """What the platform demands of every table: rows, the columns that the spec names, and a target in every row."""
    demands: list[Expectation] = [("expect_table_row_count_to_be_between", {"min_value": 1})]
    demands += [("expect_column_to_exist", {"column": column}) for column in [*columns, target]]
    return [*demands, ("expect_column_values_to_not_be_null", {"column": target})]


def validate(
    frame: pd.DataFrame, expectations: Sequence[Expectation], name: str, docs: Path, *, quoting: bool = False
) -> Verdict:
    """Runs the expectations over `frame` and writes the Data Docs site below `docs`.

    quoting: whether sentences and pages may show values of rows. Some rows of a dataset are held out, so a validation of all
    of them shows counts, types and names of columns alone.
    Raises BadInputError for an expectation that Great Expectations does not know, or whose arguments do not fit.
    """
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")  # read when the package is imported
    import great_expectations as gx

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    for site in list(context.get_site_names()):
        context.delete_data_docs_site(site)
    backend = {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(docs.absolute())}
    context.add_data_docs_site(
        "site",
        {
            "class_name": "SiteBuilder",
            "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
            "store_backend": backend,
        },
    )
    # Given as objects: the library would drop some of several similar configurations that are added one by one.
    suite = context.suites.add(
        gx.ExpectationSuite(name=name, expectations=[_build(*expectation) for expectation in expectations])
    )
    asset = context.data_sources.add_pandas("rows").add_dataframe_asset(name)
    batch = asset.add_batch_definition_whole_dataframe("all")
    definition = context.validation_definitions.add(gx.ValidationDefinition(name=name, data=batch, suite=suite))
    shown = 20 if quoting else 0
    result_format = {"result_format": "SUMMARY", "partial_unexpected_count": shown}
    try:
        outcome = definition.run(batch_parameters={"dataframe": frame}, result_format=result_format)
    except Exception as problem:  # the library cannot write down every answer that it gives itself
        raise BadInputError(
            f"expectations: Great Expectations failed on them ({type(problem).__name__}); try each alone: jinsu check"
        ) from None
    if not quoting:
        _take_values_out(context.validation_results_store)
        for result in outcome.results:
            _take_values(result)
    context.build_data_docs(["site"])
    _add_style(docs)
    checks = tuple(_check_of(result) for result in outcome.results)
    complete = 0 < len(checks) == len(expectations) and len(frame) > 0
    passed = bool(outcome.success) and complete and all(check.passed for check in checks)
    return Verdict(passed, checks, _newest_page(docs))


def _build(kind: str, arguments: Mapping[str, Any]) -> Any:
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    try:
        return ExpectationConfiguration(type=kind, kwargs=dict(arguments)).to_domain_obj()
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


def _take_values_out(store: Any) -> None:
    """Leaves no value of a row in the results from which the Data Docs are made."""
    for key in store.list_keys():
        stored = store.get(key)
        for result in stored.results:
            _take_values(result)
        store.update(key, stored)


def _take_values(result: Any) -> None:
    """Leaves counts in a result, and what is no value of a row."""
    kind, result.success = result.expectation_config.type, bool(result.success)
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
