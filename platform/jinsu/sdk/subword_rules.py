"""What a tokenizer of Hugging Face does to a text, as plain tables: no part of the `tokenizers` library is kept."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any

from jinsu.sdk.example import refuse

REPLACEMENT = "\ufffd"
"""Stands for characters that Unicode has not assigned."""
WORD_SPACE = "▁"


class Cutting(StrEnum):
    """Where a text is cut into words, each of which is cut into subwords on its own."""

    CLASSES = "classes"
    """Where the class of character changes; spaces are dropped."""
    METASPACE = "metaspace"
    """Before each space, which is written as a low line that belongs to its word."""
    BYTE_LEVEL = "byte level"
    """As GPT-2 does: a space belongs to the word behind it, and English contractions stand alone. Words become bytes."""
    NOWHERE = "nowhere"
    """The text is one word."""


class Class(StrEnum):
    """What a character counts as where a text is cut."""

    SPACE = "space"
    """Separates words."""
    WORD = "word"
    """Belongs to the word around it."""
    MARK = "mark"
    """Belongs to the run of marks around it."""
    ALONE = "alone"
    """Is a word of its own."""
    NUMBER = "number"
    """Belongs to the number around it."""


@dataclass(frozen=True)
class Prefix:
    """Text put in front. text: one character. words: in front of every word; else of the text alone."""

    text: str
    words: bool = False


@dataclass(frozen=True)
class Reading:
    """How a text becomes characters, before it is cut.

    replaced: what a character becomes on its own; one that is not named stays as it is. classes: of the characters that
    texts consist of after that. collapse: several spaces become one. strip_left, strip_right: spaces at the ends go.
    """

    replaced: Mapping[str, str]
    classes: Mapping[str, Class]
    cutting: Cutting
    prefix: Prefix | None
    collapse: bool
    strip_left: bool
    strip_right: bool

    def __call__(self, text: str, characters: int) -> str:
        """The first `characters` characters of a text as they are cut into words."""
        read = "".join(self.replaced.get(char, char) for char in (_known(char) for char in text[:characters]))
        if self.collapse:
            while "  " in read:
                read = read.replace("  ", " ")
        read = read.lstrip(" ") if self.strip_left else read
        return read.rstrip(" ") if self.strip_right else read


def _known(char: str) -> str:
    return char if char in _assigned() else REPLACEMENT


@cache
def _assigned() -> frozenset[str]:
    return frozenset(
        char for char in map(chr, range(sys.maxunicode + 1)) if unicodedata.category(char) not in ("Cn", "Cs", "Co")
    )


def assigned() -> list[str]:
    """Every character of Unicode that is a letter, mark, number, sign, space or control, in order: about 150,000."""
    return sorted(_assigned())


_NORMALIZERS = ("BertNormalizer", "Lowercase", "NFC", "NFD", "NFKC", "NFKD", "Nmt", "Precompiled", "StripAccents")


def reading_of(tokenizer: Any, document: Mapping[str, Any]) -> Reading:
    """The reading of a `tokenizers.Tokenizer`, whose JSON is `document`. Raises SystemExit with what cannot be carried."""
    steps = list(_flat(document.get("normalizer"), "normalizers"))
    spaces = [step for step in steps if _spaces(step)]
    for step in steps:
        if step not in spaces and step["type"] not in _NORMALIZERS and not _one_character(step):
            refuse(f"tokenizer: the normalizer {step['type']} cannot be carried in the graph; leave it out.")
    normalizer = tokenizer.normalizer
    keeps = [step for step in steps if step not in spaces]
    replaced = {}
    if keeps:
        single = _without_spaces(normalizer, keeps, document)
        replaced = {char: new for char in assigned() if (new := single(char)) != char}
    cutting, prefix = _cutting(document.get("pre_tokenizer"))
    if metaspace(document):  # which writes a space as this letter; here both are a space from the beginning
        replaced = {**{char: new.replace(WORD_SPACE, " ") for char, new in replaced.items()}, WORD_SPACE: " "}
    strips = [step for step in spaces if step["type"] == "Strip"]
    return Reading(
        replaced,
        _classes(tokenizer, cutting),
        cutting,
        prefix,
        any(step["type"] == "Replace" for step in spaces),
        any(step["strip_left"] for step in strips),
        any(step["strip_right"] for step in strips),
    )


def metaspace(document: Mapping[str, Any]) -> bool:
    """Whether the pre-tokenizer writes spaces as low lines."""
    return any(step["type"] == "Metaspace" for step in _flat(document.get("pre_tokenizer"), "pretokenizers"))


def _flat(step: Any, key: str) -> Iterator[Mapping[str, Any]]:
    """The steps of a sequence that may hold sequences."""
    if step is None:
        return
    if step["type"] == "Sequence":
        for inner in step[key]:
            yield from _flat(inner, key)
    else:
        yield step


def _spaces(step: Mapping[str, Any]) -> bool:
    """Whether the step concerns spaces that follow each other, or those at the ends."""
    if step["type"] == "Strip":
        return True
    return (
        step["type"] == "Replace"
        and step["pattern"] in ({"Regex": " {2,}"}, {"Regex": " +"})
        and step["content"] in (" ", WORD_SPACE)
    )


def _one_character(step: Mapping[str, Any]) -> bool:
    return step["type"] == "Replace" and len(step["pattern"].get("String", "")) == 1


def _without_spaces(normalizer: Any, keeps: list[Mapping[str, Any]], document: Mapping[str, Any]) -> Any:
    """The normalizer without its steps that concern spaces, as a function of one character."""
    import json

    from tokenizers import Tokenizer

    kept = {"type": "Sequence", "normalizers": keeps}
    return Tokenizer.from_str(json.dumps({**document, "normalizer": kept})).normalizer.normalize_str


def _cutting(step: Any) -> tuple[Cutting, Prefix | None]:
    steps = list(_flat(step, "pretokenizers"))
    kinds = [one["type"] for one in steps]
    if not steps:
        return Cutting.NOWHERE, None
    if kinds in (["BertPreTokenizer"], ["Whitespace"], ["WhitespaceSplit"]):
        return Cutting.CLASSES, None
    if kinds[-1] == "Metaspace" and kinds[:-1] in ([], ["WhitespaceSplit"]) and steps[-1]["replacement"] == WORD_SPACE:
        scheme, cuts = steps[-1].get("prepend_scheme", "always"), steps[-1].get("split", True)
        if len(kinds) == 2 and scheme == "always":
            return Cutting.CLASSES, Prefix(WORD_SPACE, words=True)
        if len(kinds) == 1:
            return Cutting.METASPACE if cuts else Cutting.NOWHERE, None if scheme == "never" else Prefix(WORD_SPACE)
    if kinds != ["ByteLevel"] or not steps[0].get("use_regex", True):
        refuse(
            f"tokenizer: the pre-tokenizer {' and '.join(kinds)} cannot be carried in the graph; use ByteLevel, Metaspace, "
            "BertPreTokenizer, Whitespace or WhitespaceSplit."
        )
    return Cutting.BYTE_LEVEL, Prefix(" ") if steps[0]["add_prefix_space"] else None


def _classes(tokenizer: Any, cutting: Cutting) -> dict[str, Class]:
    """The class of each character: as the pre-tokenizer itself cuts it, or as Unicode says."""
    if cutting is Cutting.BYTE_LEVEL:
        return {char: _unicode_class(char) for char in assigned()}
    if cutting is not Cutting.CLASSES:
        return {}
    cut = _first_cut(tokenizer).pre_tokenize_str
    return {char: _observed_class(char, cut) for char in assigned()}


def _first_cut(tokenizer: Any) -> Any:
    """The pre-tokenizer, or of a sequence the step that drops spaces."""
    from tokenizers import pre_tokenizers

    step = tokenizer.pre_tokenizer
    return pre_tokenizers.WhitespaceSplit() if isinstance(step, pre_tokenizers.Sequence) else step


def _observed_class(char: str, cut: Any) -> Class:
    pieces = [piece for piece, _ in cut(f"a{char}{char}a")]
    return {1: Class.WORD, 2: Class.SPACE, 3: Class.MARK, 4: Class.ALONE}[len(pieces)]


_WHITE = frozenset("\t\n\x0b\x0c\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000") | frozenset(
    map(chr, range(0x2000, 0x200B))
)


def _unicode_class(char: str) -> Class:
    kind = unicodedata.category(char)[0]
    if char in _WHITE:
        return Class.SPACE
    return {"L": Class.WORD, "N": Class.NUMBER}.get(kind, Class.MARK)
