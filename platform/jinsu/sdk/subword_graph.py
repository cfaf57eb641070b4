"""The graph of subwords, in operators that onnxruntime itself has, so every loader of ONNX files reads it.

Everything stands in rows of one text each: `symbols`, int64 (batch, places), 0 where there is nothing, and beside them the
number of the word that each belongs to, from 1. Work grows with the number of characters, never with what they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from jinsu.sdk.graph_builder import GraphBuilder
from jinsu.sdk.subword_models import Bpe, Model, Unigram, WordPiece
from jinsu.sdk.subword_rules import REPLACEMENT, Class, Cutting, Reading, assigned
from jinsu.sdk.text_graph import IDS, TEXT

_NEVER = 1 << 30
"""The rank of a pair that is never joined."""
_PLACES = 1 << 24
"""More than the places of any row."""
_HOPELESS = -1e300
"""The score of what is no piece: finite, as all weights of a package are."""
_CONTRACTIONS = ("s", "t", "m", "d", "re", "ve", "ll")
_ROOT, _INNER_ROOT = 1, 2


@dataclass(frozen=True)
class Frame:
    """What stands around the subwords of a text. before, behind: numbers at both ends; pad: fills `length` numbers."""

    before: tuple[int, ...]
    behind: tuple[int, ...]
    pad: int
    length: int

    @property
    def room(self) -> int:
        """How many subwords there may be."""
        return self.length - len(self.before) - len(self.behind)


@dataclass(frozen=True)
class _Words:
    """Names of two tensors (batch, places): symbols, and the number of the word of each."""

    symbols: str
    words: str


def subword_graph(reading: Reading, model: Model, frame: Frame, characters: int, versions: tuple[int, int]) -> Any:
    """From texts to numbers. characters: read of a text. versions: of the operators and of the file."""
    graph = GraphBuilder()
    alphabet = _alphabet(reading, model)
    symbols = _symbols(graph, reading, alphabet, characters)
    found = _words(graph, reading, alphabet, symbols)
    if reading.cutting is Cutting.BYTE_LEVEL:
        found = _bytes(graph, alphabet, found)
    most = characters * (4 if reading.cutting is Cutting.BYTE_LEVEL else alphabet.most + 1)
    if isinstance(model, Bpe):
        tokens = _bpe(graph, model, _singles(graph, model, alphabet, reading, found))
    elif isinstance(model, WordPiece):
        tokens = _word_piece(graph, model, alphabet, found, most)
    else:
        tokens = _unigram(graph, model, alphabet, found, most)
    return graph.model(TEXT, IDS, frame.length, _framed(graph, frame, tokens), *versions)


# --- Characters ---


@dataclass(frozen=True)
class _Alphabet:
    """The symbols, from 1: a character that is a piece or part of one, or a class of characters that are not.

    symbols: of each character, by character or by class. classes: of each symbol. most: symbols that one character becomes.
    """

    symbols: Mapping[str | Class, int]
    classes: Mapping[int, Class]
    behaviours: Mapping[str, tuple[int, ...]]
    most: int


def _alphabet(reading: Reading, model: Model) -> _Alphabet:
    known = set(assigned()) if reading.cutting is Cutting.BYTE_LEVEL else _letters(model)
    known |= {" "} | ({reading.prefix.text} if reading.prefix else set())
    symbols: dict[str | Class, int] = {}
    classes: dict[int, Class] = {}

    def symbol(char: str) -> int:
        kind = reading.classes.get(char, Class.WORD)
        number = symbols.setdefault(char if char in known else kind, len(symbols) + 1)
        classes[number] = kind
        return number

    for char in sorted(known):
        symbol(char)
    behaviours = {char: tuple(map(symbol, reading.replaced.get(char, char))) for char in assigned()}
    return _Alphabet(symbols, classes, behaviours, max(map(len, behaviours.values())))


def _letters(model: Model) -> set[str]:
    pieces: Iterable[str] = model.singles if isinstance(model, Bpe) else model.pieces
    return set("".join(pieces))


def _symbols(graph: GraphBuilder, reading: Reading, alphabet: _Alphabet, characters: int) -> str:
    """The symbols of the texts, without holes."""
    # Part of onnxruntime itself; an empty separator makes every code point a token.
    split = graph.op("Tokenizer", TEXT, domain="com.microsoft", mark=0, mincharnum=1, pad_value="", separators=[""])
    # Characters that become the same symbols share a number.
    kinds: dict[tuple[int, ...], int] = {(): 0}
    usual = alphabet.behaviours[REPLACEMENT]
    numbers = {"": 0}
    kinds.setdefault(usual, 1)
    for char, behaviour in alphabet.behaviours.items():
        number = kinds.setdefault(behaviour, len(kinds))
        if behaviour != usual:
            numbers[char] = number
    table = [[*behaviour, *[0] * (alphabet.most - len(behaviour))] for behaviour in kinds]
    wide = graph.op("Pad", graph.lookup(split, numbers, kinds[usual]), [0, 0, 0, 1])  # all texts may be empty
    codes = graph.op("Slice", wide, [0], [characters], [1])
    (symbols,) = _compact(graph, _flat(graph, graph.op("Gather", graph.constant(table), codes, axis=0)))
    space = alphabet.symbols[" "]
    if reading.collapse:
        before = _shifted(graph, symbols, -1)
        twice = graph.op("And", _is(graph, symbols, space), _is(graph, before, space))
        (symbols,) = _compact(graph, graph.op("Where", twice, 0, symbols))
    if reading.strip_left:
        symbols = _stripped(graph, symbols, space, 0)
    if reading.strip_right:
        symbols = _stripped(graph, symbols, space, 1)
    return symbols


def _stripped(graph: GraphBuilder, symbols: str, space: int, reverse: int) -> str:
    """Without the spaces at one end: those before (or behind) which there is nothing else."""
    other = _number(graph, graph.op("Not", graph.op("Or", _is(graph, symbols, space), _is(graph, symbols, 0))))
    seen = graph.op("CumSum", other, graph.constant(1), reverse=reverse)
    (stripped,) = _compact(graph, graph.op("Where", _is(graph, seen, 0), 0, symbols))
    return stripped


# --- Words ---


def _words(graph: GraphBuilder, reading: Reading, alphabet: _Alphabet, symbols: str) -> _Words:
    if reading.prefix and not reading.prefix.words:
        front = alphabet.symbols[reading.prefix.text.replace("▁", " ")]
        first = graph.op("Slice", symbols, [0], [1], [1])
        bare = graph.op("Or", _is(graph, first, front), _is(graph, first, 0))
        symbols = graph.op("Concat", graph.op("Where", bare, 0, front), symbols, axis=1)
        (symbols,) = _compact(graph, symbols)
    there = graph.op("Greater", symbols, 0)
    before = _shifted(graph, symbols, -1)
    if reading.cutting is Cutting.METASPACE:
        starts = _is(graph, symbols, alphabet.symbols[" "])
    elif reading.cutting is Cutting.NOWHERE:
        starts = _is(graph, before, 0)
    elif reading.cutting is Cutting.CLASSES:
        return _words_by_class(graph, reading, alphabet, symbols)
    else:
        starts = _byte_level_starts(graph, alphabet, symbols)
    starts = graph.op("And", there, graph.op("Or", starts, _is(graph, before, 0)))
    return _Words(symbols, graph.op("Mul", _number(graph, there), _counted(graph, starts)))


_CLASS_NUMBERS = {Class.SPACE: 1, Class.WORD: 2, Class.MARK: 3, Class.ALONE: 4, Class.NUMBER: 5}


def _class_of(graph: GraphBuilder, alphabet: _Alphabet, symbols: str) -> str:
    table = [0] + [_CLASS_NUMBERS[alphabet.classes[number]] for number in range(1, len(alphabet.classes) + 1)]
    return graph.op("Gather", graph.constant(table), symbols, axis=0)


def _words_by_class(graph: GraphBuilder, reading: Reading, alphabet: _Alphabet, symbols: str) -> _Words:
    classes = _class_of(graph, alphabet, symbols)
    before = _shifted(graph, classes, -1)
    inside = graph.op("Greater", classes, _CLASS_NUMBERS[Class.SPACE])
    changes = graph.op("Not", graph.op("Equal", classes, before))
    starts = graph.op("And", inside, graph.op("Or", changes, _is(graph, classes, _CLASS_NUMBERS[Class.ALONE])))
    words = graph.op("Mul", _number(graph, inside), _counted(graph, starts))
    kept = graph.op("Mul", _number(graph, inside), symbols)
    if reading.prefix:  # which stands in front of a word that does not begin with it
        front = alphabet.symbols[reading.prefix.text.replace("▁", " ")]
        wanted = graph.op("And", starts, graph.op("Not", _is(graph, symbols, front)))
        pair = [graph.op("Where", wanted, front, 0), kept]
        kept = _flat(graph, graph.op("Concat", *(graph.op("Unsqueeze", one, [2]) for one in pair), axis=2))
        doubled = [graph.op("Unsqueeze", words, [2])] * 2
        words = _flat(graph, graph.op("Concat", *doubled, axis=2))
    return _Words(*_compact(graph, kept, words))


def _byte_level_starts(graph: GraphBuilder, alphabet: _Alphabet, symbols: str) -> str:
    """Where the pattern of GPT-2 begins a match: ` ?` in front of letters, of numbers, or of other marks; spaces; contractions."""
    classes = _class_of(graph, alphabet, symbols)
    before, after = _shifted(graph, classes, -1), _shifted(graph, classes, 1)
    space = _CLASS_NUMBERS[Class.SPACE]
    blank = _is(graph, _shifted(graph, symbols, -1), alphabet.symbols[" "])
    is_space = _is(graph, classes, space)
    changes = graph.op("Not", graph.op("Equal", classes, before))
    # The last of several spaces goes with what is behind it.
    last = graph.op("Not", graph.op("Or", _is(graph, after, space), _is(graph, after, 0)))
    of_spaces = graph.op("And", is_space, graph.op("Or", changes, last))
    of_others = graph.op("And", graph.op("Not", is_space), graph.op("And", changes, graph.op("Not", blank)))
    starts = graph.op("Or", of_spaces, of_others)
    # An apostrophe that does not go on with marks, or with a blank, may begin a contraction.
    goes_on = graph.op("Or", blank, _is(graph, before, _CLASS_NUMBERS[Class.MARK]))
    begins = graph.op("And", _is(graph, symbols, alphabet.symbols["'"]), graph.op("Not", goes_on))
    for letters in _CONTRACTIONS:
        fits, inner = begins, []
        for place, letter in enumerate(letters, 1):
            fits = graph.op("And", fits, _is(graph, _shifted(graph, symbols, place), alphabet.symbols[letter]))
            inner.append(place)
        number = _number(graph, fits)
        for place in inner:
            starts = graph.op("And", starts, _is(graph, _shifted(graph, number, -place), 0))
        behind = _is(graph, _shifted(graph, number, -len(letters) - 1), 1)
        starts = graph.op("Or", starts, behind)
    return starts


def _bytes(graph: GraphBuilder, alphabet: _Alphabet, found: _Words) -> _Words:
    """The bytes of each character as UTF-8, plus one, instead of the characters."""
    table = [[0] * 4 for _ in range(len(alphabet.classes) + 1)]
    for char, number in alphabet.symbols.items():
        encoded = [byte + 1 for byte in char.encode()]
        table[number][: len(encoded)] = encoded
    narrow = graph.op("Gather", graph.constant(table, "int16"), found.symbols, axis=0)
    made = graph.op("Cast", narrow, to=7)
    words = graph.op("Mul", graph.op("Unsqueeze", found.words, [2]), graph.constant([[[1] * 4]]))
    return _Words(*_compact(graph, _flat(graph, made), _flat(graph, words)))


# --- Subwords: numbers are one more than the tokenizer's from here on, 0 is nothing ---


def _singles(graph: GraphBuilder, model: Bpe, alphabet: _Alphabet, reading: Reading, found: _Words) -> _Words:
    """Each character or byte as a number of its own; unknown ones as the model says."""
    unknown = 0 if model.unknown is None else model.unknown + 1
    if reading.cutting is Cutting.BYTE_LEVEL:
        written = _byte_letters()
        table = [0] + [model.singles.get(written[byte], unknown - 1) + 1 for byte in range(256)]
    else:
        named = {number: char for char, number in alphabet.symbols.items() if not isinstance(char, Class)}
        table = [0] + [
            model.singles.get(named.get(number, ""), unknown - 1) + 1 for number in range(1, len(alphabet.classes) + 1)
        ]
    numbers = graph.op("Gather", graph.constant(table), found.symbols, axis=0)
    numbers, words = _compact(graph, numbers, found.words)
    if model.fuse and model.unknown is not None:
        return _fused(graph, _Words(numbers, words), unknown)
    if model.unknown is None:  # whole words may be gone, and no number of a word may be more than the places
        starts = _starts(graph, _Words(numbers, words))
        words = graph.op("Mul", _number(graph, graph.op("Greater", words, 0)), _counted(graph, starts))
    return _Words(numbers, words)


def _fused(graph: GraphBuilder, found: _Words, unknown: int) -> _Words:
    """Unknown ones side by side in a word are one."""
    twice = graph.op("And", _is(graph, found.symbols, unknown), _is(graph, _shifted(graph, found.symbols, -1), unknown))
    same = graph.op("Equal", found.words, _shifted(graph, found.words, -1))
    return _Words(*_compact(graph, graph.op("Where", graph.op("And", twice, same), 0, found.symbols), found.words))


def _byte_letters() -> list[str]:
    """The letter that byte-level BPE writes for each byte: itself where it prints, else one from 256 on."""
    printed = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in printed]
    return [chr(byte) if byte in printed else chr(256 + others.index(byte)) for byte in range(256)]


def _bpe(graph: GraphBuilder, model: Bpe, found: _Words) -> str:
    """Joins one pair in each word at a turn: the one of the lowest rank, of several the leftmost."""
    ranks: dict[int, int] = {}
    base = max((max(merge) for merge in model.merges), default=0) + 2
    base = max(base, max(model.singles.values(), default=0) + 2, (model.unknown or 0) + 2)
    for rank, (left, right, _) in enumerate(model.merges):
        ranks[(left + 1) * base + right + 1] = rank
    joined = [made + 1 for _, _, made in model.merges] + [0]

    def turn(inner: GraphBuilder, _: str, carried: list[str]) -> tuple[str, list[str], list[str]]:
        tokens, words = carried
        key = inner.op("Add", inner.op("Mul", tokens, base), _shifted(inner, tokens, 1))
        inside = inner.op("And", inner.op("Equal", words, _shifted(inner, words, 1)), inner.op("Greater", words, 0))
        rank = inner.op("Where", inside, inner.lookup(key, ranks, _NEVER), _NEVER)
        order = inner.op("Add", inner.op("Mul", rank, _PLACES), _places(inner, tokens))
        sink = inner.op("Pad", inner.op("Mul", tokens, 0), [0, 0, 0, 1])
        none = inner.op("Add", sink, _NEVER * _PLACES * 2)
        first = inner.op("ScatterElements", none, words, order, axis=1, reduction="min")
        best = inner.op("Equal", order, inner.op("GatherElements", first, words, axis=1))
        chosen = inner.op("And", best, inner.op("Less", rank, _NEVER))
        made = inner.op("Gather", inner.constant(joined), inner.op("Min", rank, len(joined) - 1), axis=0)
        after = inner.op("Where", chosen, made, tokens)
        gone = _is(inner, _shifted(inner, _number(inner, chosen), -1), 1)
        after, words = _compact(inner, inner.op("Where", gone, 0, after), words, keep_width=True)
        return _any(inner, chosen), [after, words], []

    return graph.loop(_axis(graph, found.symbols, 1), [(found.symbols, "int64"), (found.words, "int64")], [], turn)[0]


def _trie(
    pieces: Mapping[str, Any], root: int, alphabet: _Alphabet, edges: dict[int, int], base: int
) -> dict[str, int]:
    """Adds the pieces to the edges, from node and symbol to node, and returns the node of each piece."""
    nodes: dict[str, int] = {"": root}
    for piece in pieces:
        for end in range(1, len(piece) + 1):
            if piece[:end] not in nodes:
                key = nodes[piece[: end - 1]] * base + alphabet.symbols[piece[end - 1]]
                nodes[piece[:end]] = edges[key] = len(edges) + _INNER_ROOT + 1
    return nodes


@dataclass(frozen=True)
class _Walk:
    """A walk along the pieces from every place. longest: characters of a piece."""

    edges: Mapping[int, int]
    base: int
    longest: int

    def step(self, graph: GraphBuilder, turn: str, node: str, found: _Words) -> str:
        """The node after one more character of the same word; 0 when no piece goes on so."""
        width = _width(graph, found.symbols)
        begin = graph.op("Unsqueeze", turn, [0])
        end = graph.op("Add", begin, width)
        ahead = [
            graph.op("Slice", graph.op("Pad", tensor, [0, 0, 0, self.longest]), begin, end, [1])
            for tensor in (found.symbols, found.words)
        ]
        key = graph.op("Add", graph.op("Mul", node, self.base), ahead[0])
        same = graph.op("And", graph.op("Equal", ahead[1], found.words), graph.op("Greater", found.words, 0))
        return graph.op("Where", same, graph.lookup(key, dict(self.edges)), 0)


def _word_piece(graph: GraphBuilder, model: WordPiece, alphabet: _Alphabet, found: _Words, most: int) -> str:
    edges: dict[int, int] = {}
    base = len(alphabet.classes) + 1
    beginning = _trie(model.pieces, _ROOT, alphabet, edges, base)
    inner_nodes = _trie(model.inner, _INNER_ROOT, alphabet, edges, base)
    numbers = [0] * (len(edges) + _INNER_ROOT + 1)
    for nodes, pieces in ((beginning, model.pieces), (inner_nodes, model.inner)):
        for piece, id_ in pieces.items():
            if piece:
                numbers[nodes[piece]] = id_ + 1
    walk = _Walk(edges, base, max(map(len, (*model.pieces, *model.inner))))
    starts = _starts(graph, found)
    root = graph.op("Where", starts, _ROOT, _INNER_ROOT)
    nothing = graph.op("Mul", found.symbols, 0)

    def turn(inner: GraphBuilder, number: str, carried: list[str]) -> tuple[str, list[str], list[str]]:
        node, length, best = carried
        node = walk.step(inner, number, node, found)
        piece = inner.op("Gather", inner.constant(numbers), node, axis=0)
        fits = inner.op("Greater", piece, 0)
        length = inner.op("Where", fits, inner.op("Add", number, 1), length)
        return _any(inner, node), [node, length, inner.op("Where", fits, piece, best)], []

    carried = [(name, "int64") for name in (root, nothing, nothing)]
    _, length, best = graph.loop(graph.constant(walk.longest), carried, [], turn)
    place = _places(graph, found.symbols)
    width = _width(graph, found.symbols)
    ahead = graph.op("Add", place, length)
    # The next piece begins behind this one, unless the word ends or nothing fits.
    last = graph.op("Min", ahead, graph.op("Sub", width, 1))
    same = graph.op("Equal", graph.op("GatherElements", found.words, last, axis=1), found.words)
    goes_on = graph.op("And", graph.op("And", same, graph.op("Greater", length, 0)), graph.op("Less", ahead, width))
    reached = _reached(graph, starts, graph.op("Where", goes_on, ahead, width), most)
    stuck = graph.op("And", reached, graph.op("Equal", length, 0))
    sink = graph.op("Pad", nothing, [0, 0, 0, 1])
    ones = graph.op("Add", nothing, 1)
    sizes = graph.op("ScatterElements", sink, found.words, ones, axis=1, reduction="add")
    stops = graph.op("ScatterElements", sink, found.words, _number(graph, stuck), axis=1, reduction="max")
    bad = graph.op("Or", graph.op("Greater", sizes, model.longest), graph.op("Greater", stops, 0))
    unknown = graph.op("GatherElements", _number(graph, bad), found.words, axis=1)
    good = graph.op("Where", reached, best, 0)
    answer = graph.op("Where", _is(graph, unknown, 1), graph.op("Where", starts, model.unknown + 1, 0), good)
    there = graph.op("Greater", found.words, 0)
    return graph.op("Where", there, answer, 0)


def _unigram(graph: GraphBuilder, model: Unigram, alphabet: _Alphabet, found: _Words, most: int) -> str:
    edges: dict[int, int] = {}
    base = len(alphabet.classes) + 1
    nodes = _trie(model.pieces, _ROOT, alphabet, edges, base)
    numbers = [0] * (len(edges) + _INNER_ROOT + 1)
    for piece, (id_, _) in model.pieces.items():
        if piece:
            numbers[nodes[piece]] = id_ + 1
    unknown = max(numbers) + 1  # an unknown character, whose score is not that of the unknown token
    scores = [_HOPELESS] * (unknown + 1)
    for id_, score in model.pieces.values():
        scores[id_ + 1] = score
    scores[unknown] = model.unknown_score
    walk = _Walk(edges, base, max(map(len, model.pieces)))
    there = graph.op("Greater", found.words, 0)

    def turn(inner: GraphBuilder, number: str, carried: list[str]) -> tuple[str, list[str], list[str]]:
        node = walk.step(inner, number, carried[0], found)
        piece = inner.op("Gather", inner.constant(numbers), node, axis=0)
        alone = inner.op("And", inner.op("And", there, inner.op("Equal", number, 0)), _is(inner, piece, 0))
        return _any(inner, node), [node], [inner.op("Where", alone, unknown, piece)]

    root = graph.op("Add", graph.op("Mul", found.symbols, 0), _ROOT)
    _, pieces = graph.loop(graph.constant(walk.longest), [(root, "int64")], ["int64"], turn)
    # pieces (lengths, batch, places): by their first place; from here on by their last one.
    shape = graph.op("Shape", pieces)
    back = graph.op(
        "Unsqueeze", graph.op("Range", graph.constant(0), _axis(graph, pieces, 0), graph.constant(1)), [1, 2]
    )
    first = graph.op("Sub", graph.op("Unsqueeze", _places(graph, found.symbols), [0]), back)
    inside = graph.op("GreaterOrEqual", first, 0)
    first = graph.op("Expand", graph.op("Max", first, 0), shape)
    ending = graph.op("Where", inside, graph.op("GatherElements", pieces, first, axis=2), 0)
    worth = graph.op("Gather", graph.constant(scores, "float64"), ending, axis=0)
    starts = _starts(graph, found)
    none = graph.op("Cast", graph.op("Mul", found.symbols, 0), to=11)
    low, zero = graph.constant(_HOPELESS, "float64"), graph.constant(0.0, "float64")
    hopeless = graph.op("Where", graph.op("Equal", none, zero), low, zero)

    def sums(inner: GraphBuilder, best: str) -> str:
        """(lengths, batch, places): the best sum that ends there with a piece of each length."""
        before = inner.op("Where", starts, zero, _shifted(inner, best, -1, "float64"))
        spread = inner.op("Expand", inner.op("Unsqueeze", before, [0]), shape)
        return inner.op("Add", inner.op("GatherElements", spread, first, axis=2), worth)

    def relax(inner: GraphBuilder, _: str, carried: list[str]) -> tuple[str, list[str], list[str]]:
        best = inner.op("ReduceMax", sums(inner, carried[0]), [0], keepdims=0)
        changed = inner.op("Not", inner.op("Equal", best, carried[0]))
        return _any(inner, _number(inner, changed)), [best], []

    (best,) = graph.loop(_axis_plus_one(graph, found.symbols), [(hopeless, "double")], [], relax)
    # Of equal sums the one whose last piece is longest.
    length = graph.op("ArgMax", sums(graph, best), axis=0, keepdims=0, select_last_index=1)
    piece = graph.op("Squeeze", graph.op("GatherElements", ending, graph.op("Unsqueeze", length, [0]), axis=0), [0])
    begin = graph.op("Sub", _places(graph, found.symbols), length)
    width = _width(graph, found.symbols)
    at_start = graph.op("GatherElements", _number(graph, starts), graph.op("Max", begin, 0), axis=1)
    goes_on = graph.op("And", graph.op("And", there, _is(graph, at_start, 0)), graph.op("Greater", begin, 0))
    next_ = graph.op("Where", goes_on, graph.op("Sub", begin, 1), width)
    ends = graph.op("And", there, graph.op("Not", graph.op("Equal", found.words, _shifted(graph, found.words, 1))))
    reached = _reached(graph, ends, next_, most)
    chosen = graph.op("Where", graph.op("And", reached, there), piece, 0)
    own = graph.op("Where", _is(graph, chosen, unknown), model.unknown + 1, chosen)
    return _fused(graph, _Words(*_compact(graph, own, found.words)), model.unknown + 1).symbols


def _reached(graph: GraphBuilder, starts: str, next_: str, most: int) -> str:
    """Which places are on a way from a start, along `next_`; the width is the end of a way. Each turn doubles the steps."""

    def turn(inner: GraphBuilder, _: str, carried: list[str]) -> tuple[str, list[str], list[str]]:
        on, step = carried
        on = inner.op("ScatterElements", on, step, on, axis=1, reduction="max")
        return _any(inner, on), [on, inner.op("GatherElements", step, step, axis=1)], []

    width = _width(graph, starts)
    on = graph.op("Pad", _number(graph, starts), [0, 0, 0, 1])
    # The place behind the last leads to itself.
    step = graph.op(
        "Concat", next_, graph.op("Add", graph.op("Mul", graph.op("Slice", next_, [0], [1], [1]), 0), width), axis=1
    )
    turns = graph.constant(max(most, 2).bit_length() + 1)
    on, _ = graph.loop(turns, [(on, "int64"), (step, "int64")], [], turn)
    return _is(graph, graph.op("Slice", on, [0], width, [1]), 1)


def _framed(graph: GraphBuilder, frame: Frame, tokens: str) -> str:
    """The numbers with what stands at both ends, padded."""
    (tokens,) = _compact(graph, tokens)
    room = graph.op("Slice", tokens, [0], [frame.room], [1])
    column = graph.op("Mul", graph.op("Slice", tokens, [0], [1], [1]), 0)
    parts = [graph.op("Add", column, number + 1) for number in frame.before]
    parts += [room, *(graph.op("Add", column, number + 1) for number in frame.behind)]
    whole = graph.op("Concat", *parts, axis=1) if len(parts) > 1 else room
    (whole,) = _compact(graph, whole)
    padded = graph.op("Slice", graph.op("Pad", whole, [0, 0, 0, frame.length]), [0], [frame.length], [1])
    return graph.op("Where", _is(graph, padded, 0), frame.pad, graph.op("Sub", padded, 1))


# --- Small parts ---


def _is(graph: GraphBuilder, tensor: str, value: int) -> str:
    return graph.op("Equal", tensor, value)


def _number(graph: GraphBuilder, condition: str) -> str:
    return graph.op("Cast", condition, to=7)


def _any(graph: GraphBuilder, tensor: str) -> str:
    """Whether a value is not 0."""
    number = graph.op("Cast", graph.op("Cast", tensor, to=9), to=7)
    return graph.op("Cast", graph.op("ReduceMax", number, keepdims=0), to=9)


def _width(graph: GraphBuilder, tensor: str) -> str:
    """The number of places, int64 (1,)."""
    return graph.op("Shape", tensor, start=1, end=2)


def _axis(graph: GraphBuilder, tensor: str, axis: int) -> str:
    """The length of an axis as a scalar."""
    return graph.op("Squeeze", graph.op("Shape", tensor, start=axis, end=axis + 1))


def _axis_plus_one(graph: GraphBuilder, tensor: str) -> str:
    return graph.op("Add", _axis(graph, tensor, 1), 1)


def _places(graph: GraphBuilder, tensor: str) -> str:
    """0, 1, 2 … in every row."""
    ones = graph.op("Add", graph.op("Mul", tensor, 0), 1)
    return graph.op("CumSum", ones, graph.constant(1), exclusive=1)


def _counted(graph: GraphBuilder, starts: str) -> str:
    return graph.op("CumSum", _number(graph, starts), graph.constant(1))


def _starts(graph: GraphBuilder, found: _Words) -> str:
    changes = graph.op("Not", graph.op("Equal", found.words, _shifted(graph, found.words, -1)))
    return graph.op("And", changes, graph.op("Greater", found.words, 0))


def _flat(graph: GraphBuilder, tensor: str) -> str:
    """(batch, places, n) as (batch, places × n)."""
    return graph.op("Reshape", tensor, graph.op("Concat", graph.op("Shape", tensor, start=0, end=1), [-1], axis=0))


def _shifted(graph: GraphBuilder, tensor: str, by: int, kind: str = "int64") -> str:
    """What stands `by` places further on; 0 beyond the ends."""
    room = [0, -by, 0, 0] if by < 0 else [0, 0, 0, by]
    padded = graph.op("Pad", tensor, room, graph.constant(0, kind))
    width = _width(graph, tensor)
    return graph.op("Slice", padded, [max(by, 0)], graph.op("Add", width, max(by, 0)), [1])


def _compact(graph: GraphBuilder, tensor: str, *beside: str, keep_width: bool = False) -> list[str]:
    """The tensor without its zeros, and those beside it at the same places; as wide as the longest row, or as before."""
    there = graph.op("Cast", graph.op("Cast", tensor, to=9), to=7)
    width = _width(graph, tensor)
    place = graph.op("CumSum", there, graph.constant(1), exclusive=1)
    target = graph.op("Where", _is(graph, there, 1), place, width)
    end = width
    if not keep_width:
        longest = graph.op("ReduceMax", graph.op("ReduceSum", there, [1], keepdims=0), keepdims=0)
        end = graph.op("Unsqueeze", graph.op("Max", longest, 1), [0])
    room = graph.op("Pad", graph.op("Mul", tensor, 0), [0, 0, 0, 1])
    return [
        graph.op("Slice", graph.op("ScatterElements", room, target, one, axis=1), [0], end, [1])
        for one in (tensor, *beside)
    ]
