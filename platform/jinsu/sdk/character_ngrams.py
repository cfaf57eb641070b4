"""Text of any language as character n-grams: the same numbers in Python (training) and in ONNX (serving)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinsu.sdk.text_graph import IDS, TEXT, prepend
from jinsu.sdk.tokenizer import FIRST, PAD, UNKNOWN, lowered

if TYPE_CHECKING:
    import numpy as np

_LARGEST = 2**63


@dataclass(frozen=True)
class CharacterNgrams:
    """Lower-cases, puts a space at both ends, and numbers the n-grams of every length in `sizes`, where they begin.

    Words of a language with rich endings share most of their n-grams, so hardly a word is wholly unknown. Numbers: 0 pads, 1
    is any unknown n-gram. A model may average the rows of a `torch.nn.Embedding(ngrams.size, …)` over the numbers above 0;
    an `EmbeddingBag` with a `padding_idx` becomes a loop without a bound in ONNX, which no package may hold.

    grams: the vocabulary; n-gram i has number i + 2.
    sizes: lengths of n-grams in characters (code points), in rising order.
    length: characters of a text that are read, the spaces at its ends included; longer texts are cut.
    """

    grams: tuple[str, ...]
    sizes: tuple[int, ...] = (2, 3, 4)
    length: int = 64
    _characters: tuple[str, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.sizes or list(self.sizes) != sorted(set(self.sizes)) or self.sizes[0] < 1:
            raise ValueError(f"sizes are lengths of n-grams in rising order, such as (2, 3, 4), not {self.sizes}")
        if self.length < self.sizes[-1]:
            raise ValueError(f"a text of {self.length} characters holds no n-gram of {self.sizes[-1]}")
        if not self.grams or any(len(gram) not in self.sizes for gram in self.grams):
            raise ValueError(f"every n-gram has one of the lengths {self.sizes}, and there is at least one")
        object.__setattr__(self, "_characters", tuple(sorted(set("".join(self.grams)))))
        if (len(self._characters) + FIRST) ** self.sizes[-1] >= _LARGEST:
            raise ValueError(
                f"n-grams of {self.sizes[-1]} of {len(self._characters)} different characters cannot be numbered; "
                "use shorter ones"
            )

    @staticmethod
    def fit(
        texts: Iterable[Any], size: int = 50_000, sizes: Sequence[int] = (2, 3, 4), length: int = 64
    ) -> CharacterNgrams:
        """A vocabulary of the `size` n-grams that the most texts hold (ties in alphabetical order)."""
        counts: Counter[str] = Counter()
        for text in texts:
            read = _read(text, length)
            counts.update({gram for size_ in sizes for gram in _grams(read, size_)})
        ranked = sorted(counts, key=lambda gram: (-counts[gram], gram))
        return CharacterNgrams(tuple(ranked[:size]), tuple(sizes), length)

    @property
    def size(self) -> int:
        """How many numbers there are, padding and unknown included: the rows of an embedding."""
        return len(self.grams) + FIRST

    @property
    def width(self) -> int:
        """Numbers a text."""
        return sum(self._places(size) for size in self.sizes)

    def __call__(self, texts: Sequence[Any] | np.ndarray) -> np.ndarray:
        """Numbers of the n-grams: int64 of shape (texts, width); those of one length stand together."""
        import numpy as np

        numbers = {gram: index + FIRST for index, gram in enumerate(self.grams)}
        ids = np.full((len(texts), self.width), PAD, dtype=np.int64)
        for row, text in enumerate(texts):
            read, start = _read(text, self.length), 0
            for size in self.sizes:
                found = [numbers.get(gram, UNKNOWN) for gram in _grams(read, size)]
                ids[row, start : start + len(found)] = found
                start += self._places(size)
        return ids

    def prepend(self, path: Path, name: str) -> None:
        """Puts these n-grams in front of the input `name` of an ONNX file, which takes texts from then on."""
        prepend(self._graph, path, name)

    def _places(self, size: int) -> int:
        return self.length - size + 1

    def _graph(self, opset: int, ir_version: int) -> Any:
        from onnx import TensorProto, helper

        base = len(self._characters) + FIRST
        constants: dict[str, list[int]] = {
            "room": [0, 0, 0, self.length],
            "start": [0],
            "end": [self.length],
            "axis": [1],
            "pad": [PAD],
            "base": [base],
        }
        nodes = [*self._character_nodes()]
        for size in self.sizes:
            nodes += _gram_nodes(size, self._keys(size), constants, self._places(size))
        nodes.append(helper.make_node("Concat", [f"ids{size}" for size in self.sizes], [IDS], axis=1))
        initializers = [helper.make_tensor(key, TensorProto.INT64, [len(v)], v) for key, v in constants.items()]
        initializers.append(helper.make_tensor("nothing", TensorProto.INT64, [], [PAD]))
        initializers.append(helper.make_tensor("space", TensorProto.STRING, [], [b" "]))
        graph = helper.make_graph(
            nodes,
            "character n-grams",
            [helper.make_tensor_value_info(TEXT, TensorProto.STRING, ["batch"])],
            [helper.make_tensor_value_info(IDS, TensorProto.INT64, ["batch", self.width])],
            initializers,
        )
        domains = {"": opset, "ai.onnx.ml": 4, "com.microsoft": 1}
        opsets = [helper.make_opsetid(domain, version) for domain, version in domains.items()]
        return helper.make_model(graph, opset_imports=opsets, ir_version=ir_version)

    def _character_nodes(self) -> Iterator[Any]:
        """From `TEXT` to `codes`, int64 (batch, length): 0 pads, 1 is a character that no n-gram of the vocabulary holds."""
        from onnx import helper

        yield helper.make_node(
            "StringNormalizer", [TEXT], ["lower"], case_change_action="LOWER", is_case_sensitive=1, locale="C.UTF-8"
        )
        yield helper.make_node("StringConcat", ["space", "lower"], ["begun"])
        yield helper.make_node("StringConcat", ["begun", "space"], ["ended"])
        # Part of onnxruntime itself; an empty separator makes every code point a token.
        yield helper.make_node(
            "Tokenizer",
            ["ended"],
            ["characters"],
            domain="com.microsoft",
            mark=0,
            mincharnum=1,
            pad_value="",
            separators=[""],
        )
        yield helper.make_node(
            "LabelEncoder",
            ["characters"],
            ["numbered"],
            domain="ai.onnx.ml",
            default_int64=UNKNOWN,
            keys_strings=["", *self._characters],
            values_int64s=[PAD, *range(FIRST, FIRST + len(self._characters))],
        )
        yield helper.make_node("Pad", ["numbered", "room", "nothing"], ["padded"])
        yield helper.make_node("Slice", ["padded", "start", "end", "axis"], ["codes"])

    def _keys(self, size: int) -> dict[int, int]:
        """Numbers of the n-grams of one length by their key: the codes of their characters as digits."""
        codes = {character: index + FIRST for index, character in enumerate(self._characters)}
        base, keys = len(self._characters) + FIRST, {}
        for index, gram in enumerate(self.grams):
            if len(gram) == size:
                key = 0
                for character in gram:
                    key = key * base + codes[character]
                keys[key] = index + FIRST
        return keys


def _gram_nodes(size: int, keys: dict[int, int], constants: dict[str, list[int]], places: int) -> Iterator[Any]:
    """From `codes` to `ids<size>`, int64 (batch, places). Adds where each character of an n-gram stands to the constants."""
    from onnx import helper

    key = ""
    for place in range(size):
        constants[f"from{size}.{place}"], constants[f"to{size}.{place}"] = [place], [place + places]
        digit = f"digit{size}.{place}"
        yield helper.make_node("Slice", ["codes", f"from{size}.{place}", f"to{size}.{place}", "axis"], [digit])
        if key:
            yield helper.make_node("Mul", [key, "base"], [f"shifted{size}.{place}"])
            yield helper.make_node("Add", [f"shifted{size}.{place}", digit], [f"key{size}.{place}"])
            key = f"key{size}.{place}"
        else:
            key = digit
    yield helper.make_node(
        "LabelEncoder",
        [key],
        [f"known{size}"],
        domain="ai.onnx.ml",
        default_int64=UNKNOWN,
        keys_int64s=list(keys) or [PAD],  # the attribute must not be empty
        values_int64s=list(keys.values()) or [PAD],
    )
    # An n-gram that reaches into the padding is none.
    yield helper.make_node("Equal", [f"digit{size}.{size - 1}", "pad"], [f"beyond{size}"])
    yield helper.make_node("Where", [f"beyond{size}", "pad", f"known{size}"], [f"ids{size}"])


def _read(text: Any, length: int) -> str:
    return f" {lowered(str(text))} "[:length]


def _grams(read: str, size: int) -> list[str]:
    return [read[start : start + size] for start in range(len(read) - size + 1)]
