"""YAML as plain data, strictly: a field written twice and an impossible date are errors with line and column."""

from __future__ import annotations

from typing import Any

import yaml

from jinsu.errors import BadInputError

_LONGEST = 256 * 1024
_MOST_FIELDS = 1000


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader, which would silently keep the last of two equal keys, and merge mappings without end."""

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Merges what `<<` names. A merge of merges multiplies their fields, so each is bounded."""
        super().flatten_mapping(node)
        if len(node.value) > _MOST_FIELDS:
            raise yaml.constructor.ConstructorError(
                None, None, f"a mapping holds more than {_MOST_FIELDS} fields", node.start_mark
            )


def _mapping(loader: _Loader, node: yaml.MappingNode) -> Any:
    names: set[object] = set()
    for key, _ in node.value:
        name = key.value if isinstance(key, yaml.ScalarNode) else None
        if name is not None and name in names:
            raise yaml.constructor.ConstructorError(None, None, f"field {name!r} is written twice", key.start_mark)
        names.add(name)
    return loader.construct_mapping(node, deep=True)


def _timestamp(loader: _Loader, node: yaml.ScalarNode) -> Any:
    try:
        return loader.construct_yaml_timestamp(node)
    except ValueError as problem:
        raise yaml.constructor.ConstructorError(None, None, str(problem), node.start_mark) from None


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)
_Loader.add_constructor("tag:yaml.org,2002:timestamp", _timestamp)


def read_yaml(text: str, source: str) -> Any:
    """The document in `text`. Raises BadInputError in one sentence with line and column."""
    if len(text) > _LONGEST:
        raise BadInputError(f"{source}: larger than {_LONGEST // 1024} KiB; data belongs in a dataset.")
    try:
        return yaml.load(text, _Loader)  # noqa: S506  a subclass of the safe loader
    except yaml.MarkedYAMLError as problem:
        mark = problem.problem_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        reason = (problem.problem or "cannot be read").splitlines()[0]
        raise BadInputError(f"{source}: {place}not valid YAML: {reason}.") from None
    except (yaml.YAMLError, RecursionError, ValueError) as problem:
        raise BadInputError(f"{source}: not valid YAML: {str(problem).splitlines()[0]}.") from None
    except (AttributeError, LookupError, TypeError):  # PyYAML's, for a value that does not fit its tag
        raise BadInputError(f"{source}: not valid YAML: a value does not fit its tag, such as !!bool; leave the tag out.") from None
