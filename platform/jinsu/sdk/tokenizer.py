"""Text as model input: a tokenizer that is the same in Python (training) and in ONNX (serving)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinsu.sdk.text_graph import prepend

if TYPE_CHECKING:
    import numpy as np

PAD, UNKNOWN, FIRST = 0, 1, 2


@dataclass(frozen=True)
class Tokenizer:
    """Lower-cases, splits at spaces, and numbers the words: 0 pads, 1 is any unknown word.

    words: the vocabulary; word i has number i + 2.
    length: numbers a text; longer texts are cut, shorter ones padded.
    """

    words: tuple[str, ...]
    length: int

    @staticmethod
    def fit(texts: Iterable[Any], size: int = 10_000, length: int = 24) -> Tokenizer:
        """A vocabulary of the `size` most frequent words (ties in alphabetical order)."""
        counts = Counter(word for text in texts for word in split(str(text)))
        ranked = sorted(counts, key=lambda word: (-counts[word], word))
        return Tokenizer(tuple(ranked[:size]), length)

    @property
    def size(self) -> int:
        """How many numbers there are, padding and unknown included: the rows of an embedding."""
        return len(self.words) + FIRST

    def __call__(self, texts: Sequence[Any] | np.ndarray) -> np.ndarray:
        """Numbers of the words: int64 of shape (texts, length)."""
        import numpy as np

        numbers = {word: index + FIRST for index, word in enumerate(self.words)}
        ids = np.full((len(texts), self.length), PAD, dtype=np.int64)
        for row, text in enumerate(texts):
            row_ids = [numbers.get(word, UNKNOWN) for word in split(str(text))[: self.length]]
            ids[row, : len(row_ids)] = row_ids
        return ids

    def prepend(self, path: Path, name: str) -> None:
        """Puts this tokenizer in front of the input `name` of an ONNX file, which takes texts from then on."""
        prepend(self._graph, path, name)

    def _graph(self, opset: int, ir_version: int) -> Any:
        from onnx import TensorProto, helper

        make = helper.make_node
        nodes = [
            # Lower-casing is C's towlower, one code point to one; this locale is part of every C library.
            make(
                "StringNormalizer",
                ["input"],
                ["lower"],
                case_change_action="LOWER",
                is_case_sensitive=1,
                locale="C.UTF-8",
            ),
            make("StringSplit", ["lower"], ["split", "counts"]),
            make(
                "LabelEncoder",
                ["split"],
                ["numbers"],
                domain="ai.onnx.ml",
                default_int64=UNKNOWN,
                keys_strings=["", *self.words],
                values_int64s=[PAD, *range(FIRST, FIRST + len(self.words))],
            ),
            make("Pad", ["numbers", "room", "nothing"], ["padded"]),
            make("Slice", ["padded", "start", "end", "axis"], ["ids"]),
        ]
        constants = {"room": [0, 0, 0, self.length], "start": [0], "end": [self.length], "axis": [1]}
        initializers = [helper.make_tensor(name, TensorProto.INT64, [len(v)], v) for name, v in constants.items()]
        initializers.append(helper.make_tensor("nothing", TensorProto.INT64, [], [PAD]))
        graph = helper.make_graph(
            nodes,
            "tokenizer",
            [helper.make_tensor_value_info("input", TensorProto.STRING, ["batch"])],
            [helper.make_tensor_value_info("ids", TensorProto.INT64, ["batch", self.length])],
            initializers,
        )
        opsets = [helper.make_opsetid("", opset), helper.make_opsetid("ai.onnx.ml", 4)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=ir_version)


def split(text: str) -> list[str]:
    """Words of a text as the ONNX graph finds them: runs of spaces separate, other white space does not."""
    return [word for word in lowered(text).split(" ") if word]


def lowered(text: str) -> str:
    """The text as the ONNX graph lower-cases it: one code point becomes one."""
    return "".join(_LOWER.get(char, char.lower()) for char in text)


# Python lowers this letter to two code points; C, and with it the graph, to one.
_LOWER = {"\u0130": "i"}
