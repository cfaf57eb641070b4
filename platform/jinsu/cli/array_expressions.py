"""What an expression of a script is certain to be: one array, and which columns stand in it. Nothing is run."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

Assigned = Mapping[str, list[ast.expr | None]]
"""What is assigned to each name of a file; None stands for what is no single value."""

_MAKERS = frozenset(
    {"array", "asarray", "column_stack", "concatenate", "hstack", "vstack", "stack", "zeros", "ones", "from_numpy"}
    | {"tensor", "as_tensor", "cat", "ascontiguousarray"}
)
_MODULES = frozenset({"np", "numpy", "torch"})
_TO_ARRAY = frozenset({"numpy", "to_numpy"})
_KEEPS_COLUMNS = frozenset({"astype", "reshape", "copy", "cpu", "detach", "float", "to", "unsqueeze", *_TO_ARRAY})
_DEEP = 12


def is_array(node: ast.expr | None, names: Assigned, depth: int = 0) -> bool:
    """Whether an expression is certain to be one array: made by numpy or torch, then perhaps cut or converted."""
    if depth > _DEEP:
        return False
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name(id=module), attr=maker)) if module in _MODULES:
            return maker in _MAKERS
        case ast.Call(func=ast.Attribute(value=inner, attr=method)):
            return method in _TO_ARRAY or (method in _KEEPS_COLUMNS and is_array(inner, names, depth + 1))
        case ast.Subscript(value=inner, slice=ast.Slice()):
            return is_array(inner, names, depth + 1)
        case ast.Name(id=name):
            return len(names.get(name, [])) == 1 and is_array(names[name][0], names, depth + 1)
    return False


def columns_in(node: ast.expr | None, names: Assigned) -> set[str]:
    """Columns that are certain to stand in an array, side by side. Empty for an expression that is no certain array."""
    return set(_columns(node, names, 0)) if is_array(node, names) else set()


def _columns(node: ast.expr | None, names: Assigned, depth: int) -> Iterator[str]:
    """Goes through what keeps columns whole: not through a choice of columns, nor through what chooses rows."""
    inner: list[ast.expr | None] = []
    match node:
        case ast.Subscript(slice=ast.Constant(value=str(name))):
            yield name
        case ast.Subscript(slice=ast.List(elts=chosen)):
            yield from (one.value for one in chosen if isinstance(one, ast.Constant) and isinstance(one.value, str))
        case ast.Subscript(value=value, slice=ast.Slice()):
            inner = [value]
        case ast.Call(func=ast.Attribute(value=ast.Name(id=module), attr=maker), args=args) if module in _MODULES:
            inner = list(args[:1]) if maker in _MAKERS else []
        case ast.Call(func=ast.Attribute(value=value, attr=method)) if method in _KEEPS_COLUMNS:
            inner = [value]
        case ast.List(elts=parts) | ast.Tuple(elts=parts):
            inner = list(parts)
        case ast.Name(id=name) if len(names.get(name, [])) == 1:
            inner = [names[name][0]]
    if depth <= _DEEP:
        for one in inner:
            yield from _columns(one, names, depth + 1)
