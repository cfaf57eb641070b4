"""How a word is cut into subwords, as plain tables read from a `tokenizer.json`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from jinsu.sdk.example import refuse
from jinsu.sdk.subword_rules import WORD_SPACE

UNKNOWN_PENALTY = 10.0
"""How much worse an unknown character is than the worst piece (SentencePiece)."""


@dataclass(frozen=True)
class WordPiece:
    """The longest piece that fits, from left to right; a word that does not come out is unknown.

    pieces: numbers of the pieces at the beginning of a word; inner: of those behind. longest: characters of a word.
    """

    pieces: Mapping[str, int]
    inner: Mapping[str, int]
    unknown: int
    longest: int


@dataclass(frozen=True)
class Bpe:
    """Pairs are joined, the first of the list first.

    singles: numbers of the single characters, or of the bytes as byte-level BPE writes them. merges: of two numbers into one,
    in order. unknown: number of a character that is none of them; None drops it. fuse: unknown ones side by side are one.
    """

    singles: Mapping[str, int]
    merges: tuple[tuple[int, int, int], ...]
    unknown: int | None
    fuse: bool


@dataclass(frozen=True)
class Unigram:
    """The pieces whose scores have the largest sum. pieces: number and score of each. unknown_score: of an unknown character."""

    pieces: Mapping[str, tuple[int, float]]
    unknown: int
    unknown_score: float


_Value = TypeVar("_Value")
Model = WordPiece | Bpe | Unigram


def model_of(document: Mapping[str, Any], spaced: bool) -> Model:
    """The model of a tokenizer's JSON. spaced: the low line of Metaspace is written as a space here.

    Raises SystemExit with what cannot be carried.
    """
    model = document["model"]
    readers: dict[str, Callable[[Mapping[str, Any], Any], Model]] = {
        "WordPiece": _word_piece,
        "BPE": _bpe,
        "Unigram": _unigram,
    }
    if model["type"] not in readers:
        refuse(f"tokenizer: the model {model['type']} cannot be carried in the graph; use {', '.join(readers)}.")
    if model.get("byte_fallback"):
        refuse("tokenizer: byte_fallback cannot be carried in the graph; train with byte_fallback=False, or ByteLevel.")

    def named(numbers: Mapping[str, _Value]) -> dict[str, _Value]:
        """The pieces as they are written here; one with a space fits nowhere, because texts have low lines instead."""
        if not spaced:
            return dict(numbers)
        return {piece.replace(WORD_SPACE, " "): value for piece, value in numbers.items() if " " not in piece}

    return readers[model["type"]](model, named)


def _word_piece(model: Mapping[str, Any], named: Any) -> WordPiece:
    mark, vocabulary = model["continuing_subword_prefix"], model["vocab"]
    if not mark or model["unk_token"] not in vocabulary:
        refuse("tokenizer: a WordPiece model needs a prefix of inner pieces and an unknown token in the vocabulary.")
    inner = {piece[len(mark) :]: id_ for piece, id_ in vocabulary.items() if piece.startswith(mark)}
    return WordPiece(named(vocabulary), named(inner), vocabulary[model["unk_token"]], model["max_input_chars_per_word"])


def _bpe(model: Mapping[str, Any], named: Any) -> Bpe:
    for option in ("continuing_subword_prefix", "end_of_word_suffix", "dropout", "ignore_merges"):
        if model.get(option):
            refuse(f"tokenizer: {option} of BPE cannot be carried in the graph; leave it out.")
    vocabulary = model["vocab"]
    merges = [merge.split(" ") if isinstance(merge, str) else merge for merge in model["merges"]]
    triples = [(vocabulary[left], vocabulary[right], vocabulary[left + right]) for left, right in merges]
    unknown = vocabulary.get(model["unk_token"]) if model["unk_token"] is not None else None
    singles = named({piece: id_ for piece, id_ in vocabulary.items() if len(piece) == 1})
    return Bpe(singles, tuple(triples), unknown, bool(model["fuse_unk"]))


def _unigram(model: Mapping[str, Any], named: Any) -> Unigram:
    if model["unk_id"] is None:
        refuse("tokenizer: a Unigram model needs an unknown token; train it with unk_token='<unk>'.")
    pieces = {piece: (id_, score) for id_, (piece, score) in enumerate(model["vocab"])}
    lowest = min(score for _, score in pieces.values())
    return Unigram(named(pieces), model["unk_id"], lowest - UNKNOWN_PENALTY)
