"""Words of texts: CountVectorizer and TfidfVectorizer with scikit-learn's own patterns of words.

onnxruntime finds the words by a regular expression of RE2 in which a letter is a letter of Unicode, as in Python. Letters of
scripts that joined Unicode after Python's edition are the one difference that is left.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from jinsu.sdk.example import refuse
from jinsu.sdk.flavours.blocks import Block, Blocks
from jinsu.sdk.flavours.graph import ML

if TYPE_CHECKING:
    from jinsu.sdk.flavours.graph import Graph

_LETTER = r"[\pL\pN_]"
_DOTTED = r"\x{130}"
_OTHER_LETTER = rf"(?:[^\PL{_DOTTED}]|[\pN_])"
_PATTERNS: Mapping[str, tuple[str, str]] = {
    r"(?u)\b\w\w+\b": (rf"{_OTHER_LETTER}*{_DOTTED}|{_OTHER_LETTER}{{2,}}", rf"{_LETTER}{{2,}}"),
    r"(?u)\b\w+\b": (rf"{_OTHER_LETTER}*{_DOTTED}|{_OTHER_LETTER}+", rf"{_LETTER}+"),
}
"""A pattern of scikit-learn, and the same words as RE2 finds them in a text that is lowered afterwards, or not at all.

Python lowers the capital I with a dot to two code points, of which the second is no letter, so a word ends behind it. The
longest match counts.
"""
_SIGMA, _LAST_SIGMA = "\u03c3", "\u03c2"
_NO_WORD = " "
_CONTRIBUTED = "com.microsoft"


def vectorized(graph: Graph, vectorizer: Any, blocks: Blocks) -> Blocks:
    """How often each word, or each sequence of words, of the vocabulary occurs, weighed as the vectorizer does."""
    _check_settings(vectorizer)
    if len(blocks) != 1 or blocks[0].width != 1 or not blocks[0].text:
        refuse(f"{type(vectorizer).__name__} takes one column of texts.")
    counts = _counts(graph, vectorizer, _tokens(graph, vectorizer, graph.reshaped(blocks[0].value, [-1])))
    if vectorizer.binary:
        counts = graph.cast(graph.add("Greater", [counts, graph.matrix([[0.0]])]), "float64")
    if hasattr(vectorizer, "_tfidf"):
        counts = _weighed(graph, vectorizer, counts)
    return (Block(counts, len(vectorizer.vocabulary_)),)


def _check_settings(vectorizer: Any) -> None:
    name, (_, longest) = type(vectorizer).__name__, vectorizer.ngram_range
    wrong = [
        setting
        for setting, is_wrong in {
            f"analyzer={vectorizer.analyzer!r}": vectorizer.analyzer != "word",
            "a preprocessor": vectorizer.preprocessor is not None,
            "a tokenizer": vectorizer.tokenizer is not None,
            f"strip_accents={vectorizer.strip_accents!r}": vectorizer.strip_accents is not None,
            f"token_pattern={vectorizer.token_pattern!r}": vectorizer.token_pattern not in _PATTERNS,
            "stop_words and sequences of words": vectorizer.stop_words is not None and longest > 1,
        }.items()
        if is_wrong
    ]
    if wrong:
        refuse(
            f"{name} with {wrong[0]} cannot be exported; use analyzer='word' with the default pattern, or "
            "jinsu.CharacterNgrams in front of a torch model."
        )


def _tokens(graph: Graph, vectorizer: Any, texts: str) -> str:
    """The words of each text [rows, longest], filled up with what is no word."""
    graph.domains[_CONTRIBUTED] = 1
    lowered_later, as_written = _PATTERNS[vectorizer.token_pattern]
    tokens = graph.add(
        "Tokenizer",
        [texts],
        domain=_CONTRIBUTED,
        mark=0,
        mincharnum=1,
        pad_value=_NO_WORD,
        tokenexp=lowered_later if vectorizer.lowercase else as_written,
    )
    # A batch of texts without a word has no second axis, which other operators do not take.
    none = graph.add(
        "LabelEncoder",
        [texts],
        domain=ML,
        keys_strings=[_NO_WORD],
        values_strings=[_NO_WORD],
        default_string=_NO_WORD,
    )
    tokens = graph.add("Concat", [tokens, graph.reshaped(none, [-1, 1])], axis=1)
    if not vectorizer.lowercase:
        return tokens
    flat = graph.reshaped(tokens, [-1])
    lowered = graph.add("StringNormalizer", [flat], case_change_action="LOWER", is_case_sensitive=1, locale="C.UTF-8")
    return graph.add("Reshape", [lowered, graph.add("Shape", [tokens])])


def _spellings(words: list[str], vocabulary: Mapping[str, int]) -> list[list[str]]:
    """A term, and how the graph spells it too: Python alone writes a sigma that ends a word in its final form."""
    other = [word[:-1] + _SIGMA if word.endswith(_LAST_SIGMA) else word for word in words]
    return [words] if other == words or " ".join(other) in vocabulary else [words, other]


def _counts(graph: Graph, vectorizer: Any, tokens: str) -> str:
    """How often each entry of the vocabulary occurs, float64 [rows, entries]."""
    shortest, longest = vectorizer.ngram_range
    by_length: list[list[tuple[list[str], int]]] = [[] for _ in range(longest)]
    for term, place in vectorizer.vocabulary_.items():
        words = term.split(" ")
        spellings = _spellings(words, vectorizer.vocabulary_) if vectorizer.lowercase else [words]
        if len(words) <= longest:
            by_length[len(words) - 1].extend((spelling, int(place)) for spelling in spellings)
    pool: list[str] = []
    starts: list[int] = []
    places: list[int] = []
    for entries in by_length:
        starts.append(len(pool))
        for words, place in entries:
            pool.extend(words)
            places.append(place)
    counts = graph.add(
        "TfIdfVectorizer",
        [tokens],
        mode="TF",
        min_gram_length=shortest,
        max_gram_length=longest,
        max_skip_count=0,
        ngram_counts=starts,
        ngram_indexes=places,
        pool_strings=pool,
    )
    return graph.cast(counts, "float64")


def _weighed(graph: Graph, vectorizer: Any, counts: str) -> str:
    import numpy as np

    axis = graph.constant(np.array([1], np.int64))
    if vectorizer.sublinear_tf:
        some = graph.add("Max", [counts, graph.matrix([[1.0]])])
        logs = graph.add("Add", [graph.add("Log", [some]), graph.matrix([[1.0]])])
        counts = graph.add("Where", [graph.add("Greater", [counts, graph.matrix([[0.0]])]), logs, counts])
    if vectorizer.use_idf:
        counts = graph.add("Mul", [counts, graph.matrix([vectorizer.idf_])])
    if vectorizer.norm is None:
        return counts
    norm = graph.add("ReduceL2" if vectorizer.norm == "l2" else "ReduceL1", [counts, axis], keepdims=1)
    empty = graph.add("Equal", [norm, graph.matrix([[0.0]])])
    return graph.add("Div", [counts, graph.add("Where", [empty, graph.matrix([[1.0]]), norm])])
