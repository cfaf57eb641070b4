"""What can be read in the Python files of a training without running them."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from jinsu.cli.training_entry import Entry

_RUNS_OTHER_CODE = frozenset(
    {"exec", "eval", "__import__", "import_module", "run_path", "run_module", "Popen", "system"}
)
_STARTS_PROGRAMS = frozenset({"subprocess", "runpy"})
_MOST_BYTES = 2 << 20
"""Of all files together that are read; a second of reading. What lies beyond them is opaque."""


@dataclass(frozen=True)
class Call:
    """A call of a function of the SDK. tree: the file that it stands in."""

    function: str
    node: ast.Call
    where: str
    tree: ast.Module

    @property
    def keywords(self) -> dict[str, ast.expr]:
        return {word.arg: word.value for word in self.node.keywords if word.arg is not None}

    @property
    def open(self) -> bool:
        """Whether it takes arguments that cannot be read here, `*a` or `**b`."""
        return any(word.arg is None for word in self.node.keywords) or any(
            isinstance(given, ast.Starred) for given in self.node.args
        )

    def argument(self, place: int, name: str) -> ast.expr | None:
        return self.node.args[place] if len(self.node.args) > place else self.keywords.get(name)


@dataclass(frozen=True)
class Import:
    """A package that a file imports. always: every run of the file imports it, or ends there."""

    package: str
    where: str
    always: bool


@dataclass(frozen=True)
class ColumnRead:
    """`columns["NAME"]`, where `columns` is what `jinsu.dataset` returned."""

    column: str
    where: str


@dataclass
class Script:
    """The file that a command starts, with the files of its folder that it imports.

    broken: sentences about files that are no Python. mentioned: names of the SDK that occur. opaque: whether it may run
    code that stands in no file read here, so that what is missing proves nothing.
    """

    calls: list[Call] = field(default_factory=list)
    imports: list[Import] = field(default_factory=list)
    reads: list[ColumnRead] = field(default_factory=list)
    mentioned: dict[str, str] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    opaque: bool = False

    def of(self, function: str) -> list[Call]:
        """The calls of one function of the SDK."""
        return [call for call in self.calls if call.function == function]


def read_script(folder: Path, entry: Entry) -> Script:
    """Reads the entry's file and, one after the other, the files of the folder that it imports."""
    script, waiting, seen, room = Script(), [entry.path] if entry.path else [], set[Path](), _MOST_BYTES
    while waiting:
        path = waiting.pop(0)
        if path in seen:
            continue
        seen.add(path)
        name = path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.name
        room -= path.stat().st_size
        if room < 0:
            script.opaque = True
            break
        try:
            tree = ast.parse(path.read_bytes(), filename=name)
            found = _File(name, tree)
            found.add_to(script)
        except (
            MemoryError,
            RecursionError,
        ):  # such as a sum of a hundred thousand terms, which Python runs all the same
            script.opaque = True
            continue
        except SyntaxError as problem:
            where = name if problem.lineno is None else f"{name}, line {problem.lineno}"
            script.broken.append(f"{where}: {problem.msg}.")
            continue
        except ValueError as problem:
            script.broken.append(f"{name}: is no Python: {problem}.")
            continue
        for package, where, always in found.imports():
            files = list(_files_of(package, entry.root, path))
            waiting += files
            if not files and not package.startswith("."):
                script.imports.append(Import(package.partition(".")[0], where, always))
    return script


def _files_of(module: str, root: Path, importer: Path) -> Iterator[Path]:
    """The files of the folder that the import of a module, such as `a.b` or `..a`, runs."""
    name = module.lstrip(".")
    place = root
    if dots := len(module) - len(name):
        place = importer.parents[dots - 1] if dots <= len(importer.parents) else root
    for part in name.split(".") if name else []:
        place = place / part
        for path in (place / "__init__.py", place.with_suffix(".py")):
            if path.is_file():
                yield path


class _File:
    """One parsed file: how it calls the SDK, and what it imports."""

    def __init__(self, name: str, tree: ast.Module) -> None:
        self._name, self._tree = name, tree
        self._modules: set[str] = set()
        self._functions: dict[str, str] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                self._modules |= {item.asname or "jinsu" for item in node.names if item.name == "jinsu"}
            elif isinstance(node, ast.ImportFrom) and node.module in ("jinsu", "jinsu.sdk") and not node.level:
                self._functions |= {item.asname or item.name: item.name for item in node.names}

    def add_to(self, script: Script) -> None:
        attributes = set()
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Call) and (function := self._sdk_name(node.func)):
                script.calls.append(Call(function, node, self._where(node), self._tree))
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                attributes.add(id(node.value))
            if isinstance(node, ast.Attribute | ast.Name) and (function := self._sdk_name(node)):
                script.mentioned.setdefault(function, self._where(node))
            if _may_run_other_code(node):
                script.opaque = True
        script.opaque |= "*" in self._functions or any(
            isinstance(node, ast.Name) and node.id in self._modules and id(node) not in attributes
            for node in ast.walk(self._tree)
        )
        if any(name == "dataset" for name in (*script.mentioned, *self._functions.values())):
            script.reads += self._reads()

    def imports(self) -> Iterator[tuple[str, str, bool]]:
        """Each module that the file imports, where, and whether every run of the file does."""
        always = {id(node) for node in self._tree.body}
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Import):
                for item in node.names:
                    yield item.name, self._where(node), id(node) in always
            elif isinstance(node, ast.ImportFrom):
                module = "." * node.level + (node.module or "")
                yield module, self._where(node), id(node) in always
                for item in node.names if node.level else ():
                    yield f"{module}{'' if module.endswith('.') else '.'}{item.name}", self._where(node), False

    def _where(self, node: ast.AST) -> str:
        return f"{self._name}, line {getattr(node, 'lineno', 1)}"

    def _sdk_name(self, node: ast.expr) -> str | None:
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in self._modules:
            return node.attr
        return self._functions.get(node.id) if isinstance(node, ast.Name) else None

    def _reads(self) -> Iterator[ColumnRead]:
        """Columns read by name, outside of branches, of variables that hold nothing but the dataset."""
        held = {
            name
            for name, values in assigned(self._tree).items()
            if all(isinstance(value, ast.Call) and self._sdk_name(value.func) == "dataset" for value in values)
        }
        made = {
            (node.value.id, node.slice.value)
            for node in ast.walk(self._tree)
            if isinstance(node, ast.Subscript)
            and isinstance(node.value, ast.Name)
            and isinstance(node.slice, ast.Constant)
            and not isinstance(node.ctx, ast.Load)
        }
        for node in _outside_branches(self._tree):
            match node:
                case ast.Subscript(value=ast.Name(id=name), slice=ast.Constant(value=str(column)), ctx=ast.Load()):
                    if name in held and (name, column) not in made:
                        yield ColumnRead(column, self._where(node))


def assigned(tree: ast.AST) -> Mapping[str, list[ast.expr | None]]:
    """What is assigned to each name anywhere in a file; None stands for what is no single value, such as a loop's."""
    found: dict[str, list[ast.expr | None]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    found.setdefault(target.id, []).append(node.value)
        elif isinstance(node, ast.AnnAssign | ast.NamedExpr) and isinstance(node.target, ast.Name):
            found.setdefault(node.target.id, []).append(node.value)
        elif isinstance(node, ast.arg):
            found.setdefault(node.arg, []).append(None)
    single = sum(len(values) for values in found.values())
    stored = Counter(
        node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    )
    if stored.total() != single:
        for name, count in stored.items():
            others = count - len([value for value in found.get(name, []) if value is not None])
            found.setdefault(name, []).extend([None] * max(0, others))
    return found


def _outside_branches(node: ast.AST) -> Iterator[ast.AST]:
    """Every part of a file that no condition, no loop and no handler of errors may leave out."""
    yield node
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.If | ast.IfExp | ast.Try | ast.For | ast.While | ast.BoolOp | ast.comprehension):
            yield from _outside_branches(child)


def _may_run_other_code(node: ast.AST) -> bool:
    if isinstance(node, ast.Import):
        return any(item.name.partition(".")[0] in _STARTS_PROGRAMS for item in node.names)
    if isinstance(node, ast.ImportFrom):
        return (node.module or "").partition(".")[0] in _STARTS_PROGRAMS
    if not isinstance(node, ast.Call):
        return False
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    return name in _RUNS_OTHER_CODE and not (name == "eval" and isinstance(node.func, ast.Attribute))
