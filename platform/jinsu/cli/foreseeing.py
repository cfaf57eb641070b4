"""What a training will fail at, read from its files, its spec and the names of the dataset's columns. Nothing is run.

A sentence is a problem when the run is certain to fail or to be refused, and a doubt when it may be meant so.
"""

from __future__ import annotations

import ast
import difflib
import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from jinsu.cli.array_expressions import columns_in, is_array
from jinsu.cli.folder_files import modules_of
from jinsu.cli.import_names import installed_as, is_installed, is_standard, packages_of
from jinsu.cli.script_facts import Call, Import, Script, assigned
from jinsu.cli.training_packages import Asked
from jinsu.confined.base import ROOTS, base_packages
from jinsu.spec.model import ModelSpec
from jinsu.spec.problem import ProblemSpec
from jinsu.spec.requirements import FILE_NAME


@dataclass(frozen=True)
class Foreseen:
    """One sentence. certain: whether the run cannot go well."""

    text: str
    certain: bool = True


@dataclass(frozen=True)
class Table:
    """The columns that a training gets. types: of each column, by name. features: what models may read, in order."""

    dataset: str
    types: Mapping[str, str]
    target: str
    features: Sequence[str]


def foresee(script: Script, spec: ModelSpec, folder: Path, asked: Asked) -> Iterator[Foreseen]:
    """What the files alone show. asked: the packages that the folder asks for."""
    for sentence in script.broken:
        yield Foreseen(sentence)
    yield from _packages(script, folder, asked)
    yield from _sdk_names(script)
    yield from _params(script, spec)
    yield from _never_saves(script)
    if isinstance(spec.problem, ProblemSpec):
        yield from foresee_metric(script, spec, spec.problem.metric)


def foresee_metric(script: Script, spec: ModelSpec, metric: str) -> Iterator[Foreseen]:
    """The best of several trials is chosen by what the script itself logs as the problem's metric."""
    calls = script.of("log")
    unread = script.opaque or ("log" in script.mentioned and not calls)
    if spec.train.trials and not unread and not any(call.open or metric in call.keywords for call in calls):
        yield Foreseen(
            f"train.trials: the best of {len(spec.train.trials)} trials is chosen by {metric!r}, and the script never logs "
            f"it; call jinsu.log({metric}=…) on rows that the script keeps back."
        )


def foresee_columns(script: Script, table: Table) -> Iterator[Foreseen]:
    """What does not fit the dataset."""
    known = list(table.types)
    for read in script.reads:
        if read.column not in table.types:
            yield Foreseen(
                f"{read.where}: {table.dataset} has no column {read.column!r}{_close(read.column, known, 'it has')}"
            )
    for call in script.of("save"):
        yield from _saved_names(call, table)
        yield from _mixed(call, table)


def _packages(script: Script, folder: Path, asked: Asked) -> Iterator[Foreseen]:
    """Imports that are no file of the folder, no part of the base, and nothing that the folder asks for."""
    if asked.image:
        return
    named, seen, own = {item.name for item in asked.packages}, set[str](), modules_of(folder)
    for item in sorted(script.imports, key=lambda one: not one.always):
        if item.package in seen or item.package in own or is_standard(item.package):
            continue
        seen.add(item.package)
        if not named & packages_of(item.package):
            yield from _lacking(item, asked)


def _lacking(item: Import, asked: Asked) -> Iterator[Foreseen]:
    names, base = packages_of(item.package), base_packages()
    name = next(iter(sorted(names & base.keys() or names)))
    if is_installed(item.package):
        if not names & base.keys() and not installed_as(item.package) & base.keys():
            yield Foreseen(
                f"{item.where}: imports {item.package}, which is installed on this machine and is no part of what every "
                f"training has; write {name} into {asked.file or FILE_NAME}.",
                False,
            )
    elif names & set(ROOTS):
        yield Foreseen(
            f"{item.where}: imports {item.package}, which trainings have and this machine has not; to try the script here: "
            "pip install 'jinsu[frameworks]'.",
            item.always,
        )
    elif asked.packages:
        yield Foreseen(
            f"{item.where}: imports {item.package}, which no line of {asked.file} names by this name; write {name} there "
            "unless another package brings it.",
            False,
        )
    else:
        yield Foreseen(
            f"{item.where}: imports {item.package}, which is no file of the folder and is not installed here; check its "
            f"name, or write {name} into {FILE_NAME} beside model.yaml.",
            item.always,
        )


def _sdk_names(script: Script) -> Iterator[Foreseen]:
    sdk = import_module("jinsu.sdk")
    for name, where in script.mentioned.items():
        if name not in dir(sdk) and name not in ("__version__", "*") and find_spec(f"jinsu.{name}") is None:
            yield Foreseen(f"{where}: jinsu has no {name!r}{_close(name, dir(sdk), 'it has')}")
    for call in script.calls:
        if call.function not in dir(sdk) or call.open:
            continue
        function = getattr(sdk, call.function)
        if not inspect.isfunction(function):
            continue
        takes = inspect.signature(function).parameters
        if any(one.kind is one.VAR_KEYWORD for one in takes.values()):
            continue
        for name in call.keywords:
            if name not in takes:
                yield Foreseen(
                    f"{call.where}: jinsu.{call.function}() takes no {name!r}{_close(name, list(takes), 'it takes')}"
                )
        needed = [name for name, one in takes.items() if one.default is one.empty][len(call.node.args) :]
        lacking = [name for name in needed if name not in call.keywords]
        if lacking:
            yield Foreseen(f"{call.where}: jinsu.{call.function}() needs {' and '.join(lacking)}.")


def _params(script: Script, spec: ModelSpec) -> Iterator[Foreseen]:
    given = {**spec.train.params, **{name: value for trial in spec.train.trials for name, value in trial.items()}}
    calls = script.of("params")
    for call in calls:
        unread = sorted(set(given) - set(call.keywords))
        if unread and not call.open:
            reads = ", ".join(sorted(call.keywords)) or "none"
            yield Foreseen(
                f"train.params: {', '.join(unread)}: {call.where} does not read {'it' if len(unread) == 1 else 'them'}; "
                f"it reads {reads}."
            )
    if given and not calls and "params" not in script.mentioned and not script.opaque:
        yield Foreseen(
            f"train.params: {', '.join(sorted(given))}: the script never calls jinsu.params, so they change nothing.",
            False,
        )


def _never_saves(script: Script) -> Iterator[Foreseen]:
    if "save" not in script.mentioned and not script.broken:
        other = script.opaque or "out_dir" in script.mentioned
        yield Foreseen(
            "the script never calls jinsu.save, so there is no model to go on with; call jinsu.save(model, example=…) "
            "before it ends.",
            not other,
        )


def _saved_names(call: Call, table: Table) -> Iterator[Foreseen]:
    """Names of inputs and columns that are read from the call, and are no features."""
    example, columns = call.argument(1, "example"), call.keywords.get("columns")
    named = _texts(example.keys) if isinstance(example, ast.Dict) and len(example.keys) > 1 else None
    if isinstance(columns, ast.List | ast.Tuple):
        named = _texts(columns.elts)
    if named is None and example is not None:
        held = columns_in(example, assigned(call.tree))
        named = [table.target] if table.target in held else None
    for name in named or ():
        if name == table.target:
            yield Foreseen(
                f"{call.where}: the model takes {name!r}, the target of the problem, which nobody knows when it is asked; "
                "leave it out of the example."
            )
        elif name not in table.features:
            yield Foreseen(
                f"{call.where}: the model takes {name!r}, which is no feature of the problem"
                f"{_close(name, table.features, 'these are')}"
            )


def _texts(nodes: Sequence[ast.expr | None]) -> list[str] | None:
    """The texts of a display whose members are all texts, else None."""
    found = [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return found if len(found) == len(nodes) else None


def _mixed(call: Call, table: Table) -> Iterator[Foreseen]:
    """One array as the example of a model, where the features cannot stand side by side in one."""
    example = call.argument(1, "example")
    if example is None or call.open or "columns" in call.keywords or len(table.features) < 2:
        return
    others = [name for name in table.features if not _numeric(table.types.get(name, ""))]
    if others and is_array(example, assigned(call.tree)):
        shown = ", ".join(f"{name} ({table.types.get(name)})" for name in table.features[:6])
        more = ", …" if len(table.features) > 6 else ""
        yield Foreseen(
            f"{call.where}: jinsu.save gets one array, and the features cannot stand side by side in one: {shown}{more}; "
            f"name those that the model reads in features of model.yaml, or give it an input for each: "
            f"example={{{table.features[0]!r}: …, {table.features[1]!r}: …}}."
        )


def _numeric(kind: str) -> bool:
    return kind.startswith(("int", "uint", "float", "double", "halffloat", "bool", "list", "fixed_size_list", "binary"))


def _close(name: str, known: Sequence[str], these: str) -> str:
    """The end of a sentence about an unknown name: the one that is most like it, else the first known ones."""
    close = difflib.get_close_matches(name, known, n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; {these} {', '.join(known[:12])}{', …' if len(known) > 12 else ''}."
