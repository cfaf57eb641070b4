"""Subwords of Hugging Face's `tokenizers`, carried in the graph: the same numbers in Python (training) and ONNX (serving)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinsu.sdk.example import refuse
from jinsu.sdk.subword_graph import Frame, subword_graph
from jinsu.sdk.subword_models import model_of
from jinsu.sdk.subword_rules import metaspace, reading_of
from jinsu.sdk.text_graph import prepend

if TYPE_CHECKING:
    import numpy as np

_MORE_CHARACTERS = 8


class Subwords:
    """Numbers of the subwords of texts: WordPiece, BPE (by bytes or by characters) and Unigram, which is SentencePiece's.

    A text is read up to its first `characters` characters. Each character is normalized on its own, so a letter and an
    accent that follows it count as two characters; one that Unicode has not assigned counts as U+FFFD. A special token
    such as `[MASK]` in a text is text.
    """

    def __init__(self, tokenizer: Any, length: int = 128, characters: int | None = None) -> None:
        """tokenizer: a `tokenizers.Tokenizer`, a fast tokenizer of transformers, or the path of a `tokenizer.json`.

        length: numbers a text, those of the beginning and end included; longer texts are cut, shorter ones padded.
        characters: read of a text; without it, 8 for each number. Raises SystemExit with what cannot be carried.
        """
        from tokenizers import Tokenizer

        self._original = _tokenizer(tokenizer)
        document = json.loads(self._original.to_str())
        self.length, self.characters = length, characters or length * _MORE_CHARACTERS
        self._reading = reading_of(self._original, document)
        self._model = model_of(document, metaspace(document))
        self._frame = _frame(self._original, tokenizer, document, length)
        self._cut = Tokenizer(self._original.model)  # knows no special tokens
        if self._original.pre_tokenizer is not None:
            self._cut.pre_tokenizer = self._original.pre_tokenizer

    @property
    def size(self) -> int:
        """How many numbers there are: the rows of an embedding."""
        return int(self._original.get_vocab_size())

    @property
    def pad(self) -> int:
        """The number that fills a short text."""
        return self._frame.pad

    def __call__(self, texts: Sequence[Any] | np.ndarray) -> np.ndarray:
        """Numbers of the subwords: int64 of shape (texts, length)."""
        import numpy as np

        read = [self._reading(str(text), self.characters) for text in texts]
        before, behind, room = self._frame.before, self._frame.behind, self._frame.room
        ids = np.full((len(read), self.length), self.pad, dtype=np.int64)
        for row, found in enumerate(self._cut.encode_batch(read, add_special_tokens=False)):
            numbers = [*before, *found.ids[:room], *behind]
            ids[row, : len(numbers)] = numbers
        return ids

    def prepend(self, path: Path, name: str) -> None:
        """Puts these subwords in front of the input `name` of an ONNX file, which takes texts from then on."""
        prepend(self._graph, path, name)

    def _graph(self, opset: int, ir_version: int) -> Any:
        return subword_graph(self._reading, self._model, self._frame, self.characters, (opset, ir_version))


def _tokenizer(given: Any) -> Any:
    """A copy of the tokenizer, which the script may go on changing."""
    from tokenizers import Tokenizer

    if isinstance(given, str | Path):
        return Tokenizer.from_file(str(given))
    given = getattr(given, "backend_tokenizer", given)
    if not isinstance(given, Tokenizer):
        refuse(
            f"tokenizer: {type(given).__name__} is no tokenizer of the package `tokenizers`; give a Tokenizer, a fast "
            "tokenizer of transformers, or the path of a tokenizer.json."
        )
    return Tokenizer.from_str(given.to_str())


def _frame(tokenizer: Any, given: Any, document: Mapping[str, Any], length: int) -> Frame:
    """What stands around the subwords of a text."""
    for token in document.get("added_tokens") or []:
        if not token["special"]:
            refuse(
                f"tokenizer: the added token {token['content']!r} is not special; put it into the vocabulary instead."
            )
    before, behind = _ends(tokenizer, {token["content"] for token in document.get("added_tokens") or []})
    pad = getattr(given, "pad_token_id", None)
    if pad is None and document.get("padding"):
        pad = document["padding"]["pad_id"]
    if pad is None:
        pad = next((id_ for name in ("<pad>", "[PAD]") if (id_ := tokenizer.token_to_id(name)) is not None), None)
    if pad is None:
        refuse(
            "tokenizer: it has no padding token; call enable_padding(pad_id=…) or train it with the special token <pad>."
        )
    if length <= len(before) + len(behind):
        refuse(f"tokenizer: length={length} leaves no room between {len(before) + len(behind)} special tokens.")
    return Frame(tuple(before), tuple(behind), int(pad), length)


def _ends(tokenizer: Any, special: set[str]) -> tuple[list[int], list[int]]:
    """The special tokens in front of a text and behind it: what stands around a text that has numbers of its own."""
    for text in ("a", *sorted(set(tokenizer.get_vocab()) - special)):
        plain, whole = (tokenizer.encode(text, add_special_tokens=ends).ids for ends in (False, True))
        places = [place for place in range(len(whole)) if plain and whole[place : place + len(plain)] == plain]
        if places:
            return whole[: places[0]], whole[places[0] + len(plain) :]
    return [], []  # no text has a number
