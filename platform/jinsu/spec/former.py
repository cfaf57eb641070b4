"""`model.yaml` in the form of version 0.1, in which a submitter wrote the rules too: what to write instead. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

_IN_DATA = {"dataset": "dataset", "target": "target", "features": "features", "expectations": "expectations"}


def former_sections(document: Mapping[Any, Any]) -> list[str]:
    """The sections whose place the present lines take. Pure."""
    release = document.get("release")
    moved = ["release"] if isinstance(release, Mapping) and "review" in release else []
    return [*(name for name in ("team", "data", "evaluate") if name in document), *moved]


def in_the_present_form(document: Mapping[Any, Any]) -> str:
    """The lines that take the place of the former ones; "" for a document that is not of the former form."""
    if "problem" in document or not isinstance(document.get("data"), Mapping):
        return ""
    sections: dict[str, Any] = {"problem": problem_of(document)}
    release = document.get("release")
    if isinstance(release, Mapping) and "review" in release:
        kept = {name: value for name, value in release.items() if name != "review"}
        if release["review"] == "none":
            kept["review"] = {"approvers": 0}
        if kept:
            sections["release"] = kept
    dumped = (
        yaml.safe_dump({name: value}, sort_keys=False, default_flow_style=None, width=1000)
        for name, value in sections.items()
    )
    return "".join(dumped).rstrip()


def problem_of(document: Mapping[Any, Any]) -> dict[str, Any]:
    """The problem that a document of the former form describes, as plain data.

    A target among the features, or as the column of the split, is left out: no problem may say so any more.
    """
    data = document.get("data")
    evaluate = document.get("evaluate")
    data = dict(data) if isinstance(data, Mapping) else {}
    evaluate = dict(evaluate) if isinstance(evaluate, Mapping) else {}
    problem = {new: data[old] for old, new in _IN_DATA.items() if data.get(old) is not None}
    if isinstance(problem.get("dataset"), str):
        problem["dataset"] = problem["dataset"].removesuffix("@latest")
    target = problem.get("target", "label")
    if isinstance(features := problem.get("features"), list) and target in features:
        problem["features"] = [name for name in features if name != target]
        if not problem["features"]:
            del problem["features"]
    by = data.get("holdout_by")
    split = {"holdout": data.get("holdout"), "by": None if by == target else by}
    if named := {name: value for name, value in split.items() if value is not None}:
        problem["split"] = named
    return problem | {
        name: value for name, value in evaluate.items() if name != "direction" and value not in (None, [], {})
    }
