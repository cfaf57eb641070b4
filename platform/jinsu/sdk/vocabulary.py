"""Categories as model input: the same numbers in Python (training) and in ONNX (serving), whatever a client sends."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinsu.sdk.example import Example, is_missing, refuse

if TYPE_CHECKING:
    import numpy as np

MISSING, UNSEEN, FIRST = 0, 1, 2
_EXACT = 2**53
"""Whole numbers below it are numbers of 64 bits without loss."""
_LEAST_OPSET = 13


@dataclass(frozen=True)
class Vocabulary:
    """Numbers the values of a column of categories: 0 is a missing value, 1 is any value that is not in the vocabulary.

    The model gets whole numbers of the column's own shape, and the vocabulary goes with it, so clients send the values
    themselves. An empty text is a missing value. A row of an embedding that no training row has stays as it was drawn, so
    `least=2` leaves the rarest values out, and row 1 learns from them.

        shops = jinsu.Vocabulary.fit(columns["shop"], least=2)
        embedding = torch.nn.Embedding(shops.size, 16)
        ids = torch.from_numpy(shops(columns["shop"]))
        ...
        jinsu.save(model, example={"shop": columns["shop"][:64], "price": …}, tokenizer={"shop": shops})

    values: the vocabulary, all texts or all whole numbers; value i has number i + 2.
    nullable: whether clients may leave a whole number out; a text may always be missing.
    """

    values: tuple[str, ...] | tuple[int, ...]
    nullable: bool = False
    _numbers: dict[str | int, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        kinds = {type(value) for value in self.values}
        if not self.values or kinds not in ({str}, {int}):
            raise ValueError("a vocabulary is at least one value: all texts, or all whole numbers.")
        if len(set(self.values)) != len(self.values) or "" in self.values:
            raise ValueError("a vocabulary holds each value once, and no empty text, which is a missing value.")
        if kinds == {int} and any(abs(value) >= _EXACT for value in self.values if isinstance(value, int)):
            raise ValueError(f"a vocabulary of whole numbers holds those below {_EXACT}; make texts of longer ones.")
        object.__setattr__(self, "_numbers", {value: place + FIRST for place, value in enumerate(self.values)})

    @staticmethod
    def fit(values: Iterable[Any], size: int = 100_000, least: int = 1) -> Vocabulary:
        """The `size` most frequent values that occur at least `least` times (ties in their order).

        values: an array or a column of texts or of whole numbers, some of them perhaps missing (None, NaN).
        size, least: what stays out is an unseen value.

        Raises ValueError for values of other kinds.
        """
        plain = [_plain(value) for value in _array(values).ravel().tolist()]
        counts = Counter(value for value in plain if value is not None)
        kept = [value for value, count in counts.items() if count >= least] or list(counts)
        if len({type(value) for value in kept}) > 1:
            raise ValueError("a column of categories holds texts or whole numbers, not both.")
        ranked = sorted(kept, key=lambda value: (-counts[value], value))[:size]
        return Vocabulary(tuple(ranked), any(value is None for value in plain))  # type: ignore[arg-type]

    @property
    def size(self) -> int:
        """How many numbers there are, missing and unseen included: the rows of an embedding."""
        return len(self.values) + FIRST

    @property
    def texts(self) -> bool:
        """Whether the values are texts."""
        return isinstance(self.values[0], str)

    def __call__(self, values: Sequence[Any] | np.ndarray) -> np.ndarray:
        """Numbers of the values: int64 of the same shape."""
        import numpy as np

        array = _array(values)
        numbers = [self._number(value) for value in array.ravel().tolist()]
        return np.array(numbers, dtype=np.int64).reshape(array.shape)

    def _number(self, value: Any) -> int:
        try:
            plain = _plain(value)
        except ValueError:  # such as 2.5 among whole numbers
            return UNSEEN
        return MISSING if plain is None else self._numbers.get(plain, UNSEEN)

    def as_input(self, example: Example, name: str) -> Example:
        """The example with the column as clients send it. Raises SystemExit for values of the other kind."""
        import numpy as np

        array = example.inputs[name]
        if self.texts != (array.dtype.kind == "O"):
            kind = "texts" if self.texts else "whole numbers"
            refuse(f"tokenizer: the vocabulary of {name!r} holds {kind}, and its example does not.")
        nullable = example.nullable | {name} if self.texts or self.nullable else example.nullable
        if name in nullable and not (self.texts or self.nullable):
            refuse(
                f"tokenizer: the example of {name!r} has missing values, and its vocabulary was fitted without any; give "
                "it nullable=True."
            )
        if not self.texts:
            array = array.astype(np.float64 if self.nullable else np.int64)
        return dataclasses.replace(example, inputs={**example.inputs, name: array}, nullable=nullable)

    def prepend(self, path: Path, name: str) -> None:
        """Puts this vocabulary in front of the input `name` of an ONNX file, which takes the values from then on.

        Weights in a file of their own stay there, unread.
        """
        import onnx

        model = onnx.load(str(path), load_external_data=False)
        operators = next(entry for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
        if operators.version < _LEAST_OPSET:
            refuse(f"tokenizer: the model is of opset {operators.version}; export it with {_LEAST_OPSET} or later.")
        (taken,) = (value for value in model.graph.input if value.name == name)
        wanted = taken.type.tensor_type.elem_type
        front = self._front(name, wanted)
        _rename(model.graph.node, name, f"{name}/ids")
        taken.type.tensor_type.elem_type = self._type()
        nodes = [*front, *model.graph.node]
        del model.graph.node[:]
        model.graph.node.extend(nodes)
        if all(entry.domain != "ai.onnx.ml" for entry in model.opset_import):
            model.opset_import.append(onnx.helper.make_opsetid("ai.onnx.ml", 4))
        onnx.save(model, str(path))
        onnx.checker.check_model(str(path))

    def _type(self) -> int:
        from onnx import TensorProto

        whole = TensorProto.DOUBLE if self.nullable else TensorProto.INT64
        return int(TensorProto.STRING if self.texts else whole)

    def _front(self, name: str, wanted: int) -> list[Any]:
        """Nodes from the input `name` to `NAME/ids` of the type that the model takes."""
        from onnx import TensorProto, helper

        def place(label: str) -> str:
            return f"{name}/{label}"

        def constant(label: str, kind: int, value: float) -> Any:
            tensor = helper.make_tensor(place(label), kind, [], [value])
            return helper.make_node("Constant", [], [place(label)], value=tensor)

        def encoder(read: str, **keys: Any) -> Any:
            numbers = [*([MISSING] if self.texts else []), *range(FIRST, self.size)]
            return helper.make_node(
                "LabelEncoder",
                [read],
                [place("found")],
                domain="ai.onnx.ml",
                default_int64=UNSEEN,
                values_int64s=numbers,
                **keys,
            )

        last = helper.make_node("Cast", [place("numbers")], [place("ids")], to=wanted)
        if self.texts:
            keys = {"keys_strings": ["", *self.values]}
            return [encoder(name, **keys), helper.make_node("Identity", [place("found")], [place("numbers")]), last]
        keys = {"keys_int64s": list(self.values)}
        if not self.nullable:
            return [encoder(name, **keys), helper.make_node("Identity", [place("found")], [place("numbers")]), last]
        return [
            constant("nothing", TensorProto.DOUBLE, 0.0),
            constant("missing number", TensorProto.INT64, MISSING),
            constant("unseen number", TensorProto.INT64, UNSEEN),
            helper.make_node("IsNaN", [name], [place("missing")]),
            helper.make_node("Where", [place("missing"), place("nothing"), name], [place("given")]),
            helper.make_node("Cast", [place("given")], [place("whole")], to=TensorProto.INT64),
            helper.make_node("Cast", [place("whole")], [place("again")], to=TensorProto.DOUBLE),
            helper.make_node("Equal", [place("again"), place("given")], [place("is whole")]),
            encoder(place("whole"), **keys),
            helper.make_node("Where", [place("is whole"), place("found"), place("unseen number")], [place("known")]),
            helper.make_node("Where", [place("missing"), place("missing number"), place("known")], [place("numbers")]),
            last,
        ]


def _array(values: Any) -> np.ndarray:
    """A list keeps the kinds of its members, of which numpy would make texts."""
    import numpy as np

    if hasattr(values, "to_numpy"):
        values = values.to_numpy()
    return values if isinstance(values, np.ndarray) else np.array(list(values), dtype=object)


def _plain(value: Any) -> str | int | None:
    """A text or a whole number; None for a missing value. Raises ValueError for anything else."""
    if is_missing(value) or value == "":
        return None
    if isinstance(value, str):
        return str(value)
    if isinstance(value, float) and not value.is_integer():
        raise ValueError(f"a category is a text or a whole number, not {value!r}.")
    if isinstance(value, bool | int | float):
        return int(value)
    raise ValueError(f"a category is a text or a whole number, not {type(value).__name__}.")


def _rename(nodes: Iterable[Any], former: str, name: str) -> None:
    """Has nodes read `name` instead of `former`, those of inner graphs too, unless these have a value of that name."""
    for node in nodes:
        node.input[:] = [name if read == former else read for read in node.input]
        for attribute in node.attribute:
            for inner in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
                if former not in {value.name for value in inner.input}:
                    _rename(inner.node, former, name)
