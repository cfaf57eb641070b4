"""Spoilt inputs by Hypothesis: good ones with pieces cut, repeated, exchanged, and words of trouble put in."""

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from tests.fuzz.tally import Tally
from tests.fuzz.targets import Target, try_one


def spoilt(target: Target) -> st.SearchStrategy[bytes]:
    """Inputs for a target."""
    words = st.sampled_from(target.words or (b"\0", b"\xff", b"../", b"\x1b", b"9" * 30))
    piece = st.one_of(words, st.binary(max_size=8), st.text(max_size=6).map(lambda text: text.encode("utf-8", "replace")))
    change = st.tuples(st.sampled_from(("put", "cut", "over", "twice", "flip")), st.integers(0, 5000), st.integers(0, 40), piece)
    return st.one_of(
        st.tuples(st.sampled_from(target.seeds), st.lists(change, min_size=1, max_size=5)).map(_changed),
        st.lists(piece, max_size=30).map(b"".join),
    )


def _changed(given: tuple[bytes, list[tuple[str, int, int, bytes]]]) -> bytes:
    data, changes = given
    for kind, place, length, piece in changes:
        at = place % (len(data) + 1)
        match kind:
            case "put":
                data = data[:at] + piece + data[at:]
            case "cut":
                data = data[:at] + data[at + length :]
            case "over":
                data = data[:at] + piece + data[at + len(piece) :]
            case "twice":
                data = data[: at + length] + data[at:]
            case _:
                data = data[:at] + bytes(byte ^ (1 << place % 8) for byte in data[at : at + 1]) + data[at + 1 :]
    return data


def run(target: Target, examples: int, chance: int) -> Tally:
    """Tries a target with so many inputs."""
    tally = Tally(target.name)

    @seed(chance)
    @settings(
        max_examples=examples, database=None, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
    )
    @given(spoilt(target))
    def try_all(data: bytes) -> None:
        try:
            tally.add(data, try_one(target, data))
        except Exception as problem:
            tally.fault(data, f"{target.name}: {type(problem).__name__}: {str(problem)[:300]}")

    try_all()
    return tally


