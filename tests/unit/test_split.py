"""The split: what is held out once stays held out, whatever comes later, and the shares are those that were asked for.

Each test of the part *Attacks* names the way to the held-out rows that it closes.
"""

import datetime as dt
import os
import subprocess
import sys
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.support.splits import held_keys, held_out, holdout_mask

from jinsu.data.plan import Plan, Way, by_row
from jinsu.data.split import divide, fix, repeated_share, without_salt
from jinsu.errors import BadInputError
from jinsu.packaging.inputs import feature_columns
from jinsu.spec.problem import Split

SALT, OTHER_SALT = b"1" * 32, b"2" * 32
Rows = list[dict[str, Any]]


def fixed(table: pa.Table, features: list[str] | None = None, salt: bytes = SALT, **split: Any) -> Plan:
    return fix(table, Split(**split), "label", features, salt)


def mask_of(table: pa.Table, features: list[str] | None = None, salt: bytes = SALT, **split: Any) -> np.ndarray:
    return holdout_mask(table, fixed(table, features, salt, **split), salt)


def numbers(count: int, **more: Any) -> pa.Table:
    return pa.table({"x": np.random.default_rng(0).random(count), "label": np.arange(count) % 2, **more})


# --- Shares ---


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5, 0.9])
def test_about_the_share_is_held_out(share: float) -> None:
    # Of 10 000 keys the share deviates by 0.005 at most (one standard deviation); four of them are one test in 16 000.
    assert mask_of(numbers(10_000), holdout=share).mean() == pytest.approx(share, abs=0.02)


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5, 0.9])
@pytest.mark.parametrize("sizes", [(1000, 1000), (900, 90, 10), (500, 499, 1)])
def test_every_stratum_is_held_out_in_exactly_the_share(share: float, sizes: tuple[int, ...]) -> None:
    strata = np.repeat(np.arange(len(sizes)), sizes)
    table = pa.table({"x": np.arange(len(strata)) * 0.5, "label": strata, "stratum": [f"s{one}" for one in strata]})
    for column in ("label", "stratum"):
        held = held_out(table, fixed(table, ["x"], holdout=share, stratify=column), SALT)
        for number, size in enumerate(sizes):
            wanted = round(share * size)
            if 0 < wanted < size:
                assert held[strata == number].sum() == wanted


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 3)), min_size=8, max_size=60, unique_by=lambda row: row[0]),
       st.floats(0.05, 0.95))  # fmt: skip
@settings(deadline=None)
def test_every_stratum_of_any_table_is_held_out_in_exactly_the_share(rows: list[tuple[int, int]], share: float) -> None:
    table = pa.table({"x": [x for x, _ in rows], "label": [label for _, label in rows]})
    held = held_out(table, fixed(table, ["x"], holdout=share, stratify="label"), SALT)
    labels = np.asarray([label for _, label in rows])
    for label in set(labels.tolist()):
        size = int((labels == label).sum())
        if 0 < (wanted := round(share * size)) < size:
            assert held[labels == label].sum() == wanted


def test_a_stratum_that_came_later_is_held_out_in_about_the_share() -> None:
    first = pa.table({"x": range(1000), "label": ["a"] * 1000})
    plan = fixed(first, ["x"], holdout=0.3, stratify="label")
    later = pa.table({"x": range(5000, 7000), "label": ["new"] * 2000})
    assert held_out(later, plan, SALT).mean() == pytest.approx(0.3, abs=0.05)


@pytest.mark.parametrize("share", [0.1, 0.2, 0.5, 0.9])
@pytest.mark.parametrize("kind", ["numbers", "times", "days", "text"])
def test_the_latest_rows_are_held_out(share: float, kind: str) -> None:
    order = np.random.default_rng(0).permutation(100)
    day = dt.datetime(2026, 1, 1)
    values: Any = {
        "numbers": order,
        "times": pa.array([day + dt.timedelta(hours=int(number)) for number in order]),
        "days": pa.array([(day + dt.timedelta(days=int(number))).date() for number in order]),
        "text": [(day + dt.timedelta(days=int(number))).date().isoformat() for number in order],
    }[kind]
    held = mask_of(pa.table({"x": order * 0.5, "t": values, "label": order % 2}), holdout=share, time="t")
    assert held.sum() == round(100 * share)
    assert order[held].min() > order[~held].max()


def test_rows_that_came_later_are_after_the_cut() -> None:
    first = pa.table({"x": range(100), "t": range(100), "label": [0] * 100})
    plan = fixed(first, holdout=0.2, time="t")
    later = pa.table({"x": range(100), "t": range(50, 150), "label": [0] * 100})
    assert held_out(later, plan, SALT).tolist() == [False] * 30 + [True] * 70


def test_rows_without_a_time_are_trained_on() -> None:
    table = pa.table({"x": range(4), "t": [1.0, None, float("nan"), 2.0], "label": [0] * 4})
    assert mask_of(table, holdout=0.3, time="t").tolist() == [False, False, False, True]


@pytest.mark.parametrize("values", [["test", "train"], ["1", "0"]])
def test_a_column_says_which_rows_are_held_out(values: list[str]) -> None:
    table = pa.table({"x": range(4), "side": [values[0], values[1], None, values[0]], "label": [0] * 4})
    assert mask_of(table, column="side", held=values[:1]).tolist() == [True, False, False, True]


def test_groups_stay_together() -> None:
    customer = [f"c{number % 97}" for number in range(2000)]
    held = mask_of(numbers(2000, customer=customer), holdout=0.3, by="customer")
    customers = np.array(customer)
    assert not set(customers[held]) & set(customers[~held])
    assert held.mean() == pytest.approx(0.3, abs=0.15)


def test_groups_of_several_columns_stay_together() -> None:
    table = numbers(2000, shop=np.arange(2000) % 7, day=np.arange(2000) % 40)
    held = mask_of(table, holdout=0.3, by=["shop", "day"])
    pairs = [(row["shop"], row["day"], side) for row, side in zip(table.to_pylist(), held.tolist(), strict=True)]
    assert len({pair[:2] for pair in pairs}) == len(set(pairs)) == 280


# --- The same everywhere, unknown to everybody ---


def test_another_salt_is_another_split() -> None:
    """Who knows the plan and the rows, but not the salt, knows nothing about the sides."""
    ours, theirs = (mask_of(numbers(4000), salt=salt, holdout=0.5) for salt in (SALT, OTHER_SALT))
    assert (ours == theirs).mean() == pytest.approx(0.5, abs=0.05)


def test_another_salt_is_another_split_of_each_stratum() -> None:
    table = numbers(4000)
    ours, theirs = (mask_of(table, ["x"], salt=salt, holdout=0.5, stratify="label") for salt in (SALT, OTHER_SALT))
    assert (ours == theirs).mean() == pytest.approx(0.5, abs=0.05)


def test_a_row_keeps_its_side_whatever_stands_around_it() -> None:
    table = pa.table({"x": range(1000), "y": [str(number) for number in range(1000)], "label": [0] * 1000})
    plan = fixed(table, holdout=0.3)
    order = np.random.default_rng(0).permutation(1000)[:500]
    assert np.array_equal(holdout_mask(table, plan, SALT)[order], holdout_mask(table.take(order), plan, SALT))


def test_the_split_is_the_same_in_every_process() -> None:
    script = """
import pyarrow as pa
from jinsu.data.split import divide, fix
from jinsu.spec.problem import Split
table = pa.table({"x": range(200), "t": [f"é{n}" for n in range(200)], "v": [[n, .5] for n in range(200)],
                  "s": [{"k": n, "a": None} for n in range(200)], "d": pa.array(range(200), pa.timestamp("us", "UTC"))})
plan = fix(table, Split(holdout=0.3), "x", None, b"1" * 32)
print("".join("01"[side] for side in divide(table, plan, b"1" * 32).held.tolist()))
"""
    said = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": seed, "TZ": zone},
            check=True,
            capture_output=True,
        ).stdout
        for seed, zone in (("1", "UTC"), ("2", "Asia/Seoul"))
    }
    assert len(said) == 1
    assert len(said.pop().strip()) == 200


# --- Attacks ---

CELLS = st.integers(-2, 2) | st.none()
ROW = st.fixed_dictionaries(
    {
        "a": CELLS,
        "b": st.sampled_from(["", "x", "y z"]),
        "t": st.integers(0, 9),
        "label": st.integers(0, 2),
        "side": st.sampled_from(["train", "test"]),
    }
)
WAYS: dict[str, dict[str, Any]] = {
    "features": {},
    "by": {"by": "b"},
    "time": {"time": "t"},
    "stratified by the target": {"stratify": "label"},
    "stratified": {"stratify": "b"},
    "given": {"column": "side"},
}
SCHEMA = pa.schema({"a": pa.int64(), "b": pa.string(), "t": pa.int64(), "label": pa.int64(), "side": pa.string()})


def table_of(rows: Rows) -> pa.Table:
    return pa.Table.from_pylist(rows, SCHEMA)


def keys_of(plan: Plan, rows: Rows) -> list[tuple[object, ...]]:
    return [tuple(row[name] for name in plan.keys) for row in rows]


@pytest.mark.parametrize("features", [None, ["a"], ["a", "b"]], ids=str)
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@given(first=st.lists(ROW, min_size=2, max_size=25), later=st.lists(ROW, min_size=1, max_size=25), data=st.data())
@settings(deadline=None, max_examples=40)
def test_what_is_held_out_once_is_never_trained_on_later(
    way: dict[str, Any], features: list[str] | None, first: Rows, later: Rows, data: st.DataObject
) -> None:
    """A later version with the same rows under other labels, the given column turned round, and any rows beside."""
    table = table_of(first)
    plan = fixed(table, features, holdout=0.5, **way)
    held = held_out(table, plan, SALT)
    assume(held.any())
    remembered = held_keys(table, held, plan, SALT)
    once = {key for key, side in zip(keys_of(plan, first), held.tolist(), strict=True) if side}

    again = [row | data.draw(st.fixed_dictionaries({"label": st.integers(0, 2)})) for row in first]
    turned = [row | {"side": "train"} for row in again]
    for rows in (first, later, [*later, *again], [*turned, *later], data.draw(st.permutations([*turned, *later]))):
        sides = held_out(table_of(rows), plan, SALT, remembered)
        trained = {key for key, side in zip(keys_of(plan, rows), sides.tolist(), strict=True) if not side}
        assert not once & trained


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@given(rows=st.lists(ROW, min_size=2, max_size=25))
@settings(deadline=None, max_examples=40)
def test_a_second_run_over_the_same_version_splits_the_same(way: dict[str, Any], rows: Rows) -> None:
    """The first one remembers keys; had it left another row of such a key in training, the second would not."""
    table = table_of(rows)
    plan = fixed(table, holdout=0.5, **way)
    held = held_out(table, plan, SALT)
    assert np.array_equal(held, held_out(table, plan, SALT, held_keys(table, held, plan, SALT)))


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@given(rows=st.lists(ROW, min_size=2, max_size=25))
@settings(deadline=None, max_examples=40)
def test_no_key_is_on_both_sides(way: dict[str, Any], rows: Rows) -> None:
    table = table_of(rows)
    plan = fixed(table, holdout=0.5, **way)
    sides: dict[tuple[object, ...], bool] = {}
    for key, side in zip(keys_of(plan, rows), held_out(table, plan, SALT).tolist(), strict=True):
        assert sides.setdefault(key, side) == side


@given(rows=st.lists(ROW, min_size=2, max_size=25), ids=st.sampled_from(["numbers", "words"]))
@settings(deadline=None)
def test_an_id_does_not_put_equal_rows_on_both_sides(rows: Rows, ids: str) -> None:
    """Hashed with its id, each of two equal rows fell on a side of its own: 88 % of the held-out ones were trained on."""
    table = table_of(rows)
    column = [f"row-{number}" if ids == "words" else 10_000 + number for number in range(len(rows))]
    plan = fixed(table.append_column("id", pa.array(column)), holdout=0.5)
    sides: dict[object, bool] = {}
    held = held_out(table.append_column("id", pa.array(column)), plan, SALT).tolist()
    for row, side in zip(rows, held, strict=True):
        row = {name: value for name, value in row.items() if name != "label"}
        assert sides.setdefault(tuple(row.items()), side) == side


def test_repeated_rows_of_an_id_table_are_not_learned_by_heart() -> None:
    a = np.random.default_rng(0).integers(0, 300, 2000)
    table = pa.table({"id": range(2000), "a": a, "label": a % 2})
    assert repeated_share(table, mask_of(table, holdout=0.2), ["a"]) == 0.0
    careless = np.random.default_rng(1).random(2000) < 0.2  # by the id, in effect
    assert repeated_share(table, careless, ["a"]) > 0.8


def test_a_text_that_is_different_in_every_row_is_no_id() -> None:
    """Else titles were divided by their shop alone: whole shops held out, in a share that nobody asked for."""
    titles = [f"red shoe {number}" for number in range(1000)]
    table = pa.table({"title": titles, "shop": np.arange(1000) % 3, "label": np.arange(1000) % 2})
    plan = fixed(table, holdout=0.2)
    assert plan.keys == ("title", "shop")
    assert holdout_mask(table, plan, SALT).mean() == pytest.approx(0.2, abs=0.06)


def test_a_table_of_an_id_and_labels_is_divided_by_the_id() -> None:
    table = pa.table({"id": range(100), "label": [0, 1] * 50})
    assert fixed(table).keys == ("id",)
    with pytest.raises(BadInputError, match="no column but the target, 'label'"):
        fixed(pa.table({"label": [0, 1]}))


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_the_target_is_part_of_no_key(way: dict[str, Any]) -> None:
    """Else who relabels a row moves it to the other side."""
    assert "label" not in fixed(table_of([{"a": 1, "b": "x", "t": 1, "label": 0, "side": "test"}] * 4), **way).keys


def test_the_column_that_says_the_side_is_part_of_no_key() -> None:
    assert fixed(table_of([{"a": 1, "b": "x", "t": 1, "label": 0, "side": "test"}] * 4), column="side").keys == (
        "a",
        "b",
        "t",
    )


def test_neither_the_target_nor_the_given_side_is_a_feature_by_default() -> None:
    assert feature_columns(["x", "label", "side"], None, "label", "side") == ["x"]


TYPES: dict[str, tuple[Any, Any]] = {
    "whole numbers as reals": (pa.int64(), pa.float64()),
    "whole numbers as small ones": (pa.int64(), pa.int16()),
    "whole numbers as text": (pa.int64(), pa.string()),
    "double as single precision": (pa.float64(), pa.float32()),
    "text as large text": (pa.string(), pa.large_string()),
    "text as categories": (pa.string(), pa.dictionary(pa.int32(), pa.string())),
    "times in another unit": (pa.timestamp("us"), pa.timestamp("ns")),
    "days as times": (pa.date32(), pa.timestamp("ms")),
}


@pytest.mark.parametrize("types", TYPES.values(), ids=TYPES)
@pytest.mark.parametrize("way", [{}, {"by": "key"}, {"stratify": "label"}, {"column": "side"}], ids=str)
def test_another_type_of_a_column_sets_no_key_free(types: tuple[Any, Any], way: dict[str, Any]) -> None:
    """A CSV with one gap makes reals of whole numbers; hashed as they are written, every held-out key was forgotten."""
    before, after = types
    values = pa.array(range(400)) if before != pa.float64() else pa.array(np.arange(400) / 7)
    values = values.cast(pa.int32()).cast(before) if pa.types.is_date(before) else values.cast(before)
    first = pa.table({"key": values, "label": [0, 1] * 200, "side": ["test", "train", "train", "train"] * 100})
    plan = fixed(first, ["key"], holdout=0.3, **way)
    held = holdout_mask(first, plan, SALT)
    remembered = held_keys(first, held, plan, SALT)

    later = first.set_column(0, "key", values.cast(after)).set_column(2, "side", pa.array(["train"] * 400))
    assert held_out(later, plan, SALT, remembered)[held].all()


@pytest.mark.parametrize("column", [pa.array([1.0, 0.0, 1.0]), pa.array([1, 0, 1]), pa.array(["1", "0", "1"])], ids=str)
def test_a_given_side_is_read_whatever_its_type(column: pa.Array) -> None:
    plan = Plan(Way.GIVEN, ("x",), 0.2, "side", held=("1",))
    assert held_out(pa.table({"x": [1, 2, 3], "side": column}), plan, SALT).tolist() == [True, False, True]


def test_times_of_another_type_are_refused() -> None:
    """Else nothing would be later than the cut, and the latest rows would be trained on."""
    first = pa.table({"x": range(10), "t": range(10), "label": [0] * 10})
    plan = fixed(first, holdout=0.2, time="t")
    later = first.set_column(1, "t", pa.array([str(number) for number in range(10)]))
    with pytest.raises(BadInputError, match=r"split\.time: column 't' was no text in the first version and is text"):
        held_out(later, plan, SALT)


def test_equal_features_at_another_time_are_another_row() -> None:
    """Else a month that is appended would take the same articles of every earlier month out of training."""
    months = [
        {"a": article, "b": "x", "t": month, "label": 0, "side": ""} for month in range(10) for article in range(3)
    ]
    first = table_of(months)
    plan = fixed(first, ["a"], holdout=0.1, time="t")
    remembered = held_keys(first, holdout_mask(first, plan, SALT), plan, SALT)
    later = table_of([*months, *[row | {"t": 10} for row in months[:3]]])
    assert held_out(later, plan, SALT, remembered).tolist() == [False] * 27 + [True] * 6


@pytest.mark.parametrize("way", [{}, {"by": "b"}, {"time": "t"}, {"stratify": "b"}, {"column": "side"}], ids=str)
def test_a_later_version_without_a_column_of_the_key_is_refused(way: dict[str, Any]) -> None:
    rows = [{"a": n, "b": "xy"[n % 2], "t": n, "label": 0, "side": "test"} for n in range(8)]
    plan = fixed(table_of(rows), holdout=0.5, **way)
    for name in {*plan.keys, plan.column} - {""}:
        with pytest.raises(BadInputError, match=f"no column '{name}', by which its rows are divided"):
            held_out(table_of(rows).drop_columns([name]), plan, SALT)


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@given(rows=st.lists(ROW, min_size=2, max_size=25), data=st.data())
@settings(deadline=None, max_examples=30)
def test_pieces_of_a_table_have_the_sides_of_the_whole_where_the_plan_says_so(
    way: dict[str, Any], rows: Rows, data: st.DataObject
) -> None:
    table = table_of(rows)
    plan = fixed(table, holdout=0.5, **way)
    place = data.draw(st.integers(0, len(rows)))
    pieces = np.concatenate([held_out(piece, plan, SALT) for piece in (table.slice(0, place), table.slice(place))])
    whole = held_out(table, plan, SALT)
    assert not (pieces & ~whole).any()
    assert np.array_equal(pieces, whole) or not by_row(plan)


# --- What is refused ---


@pytest.mark.parametrize("share", [0.0001, 0.9999])
def test_an_empty_side_is_refused(share: float) -> None:
    with pytest.raises(BadInputError, match=r"problem: split: of 20 rows none is left for .*; put more rows"):
        mask_of(numbers(20), holdout=share)


@pytest.mark.parametrize(
    "split", [{"by": "z"}, {"by": ["x", "z"]}, {"time": "z"}, {"stratify": "z"}, {"column": "z"}], ids=str
)
def test_an_unknown_column_is_refused_with_the_known_ones(split: dict[str, Any]) -> None:
    with pytest.raises(BadInputError, match="problem: split: the dataset has no column 'z'; it has x, label"):
        fixed(numbers(4), **split)


@pytest.mark.parametrize("values", [pa.array([None, None], pa.int64()), pa.array([[1], [2]])], ids=str)
def test_a_column_without_order_is_no_time(values: pa.Array) -> None:
    with pytest.raises(BadInputError, match=r"problem: split\.time: column 't' "):
        fixed(pa.table({"x": [1, 2], "t": values, "label": [0, 1]}), time="t")


# --- Version 0.1 ---


def test_the_split_of_version_0_1_is_what_it_was() -> None:
    """No salt, and the whole row as it is written: rows that were held out by it stay held out after an upgrade."""
    rows = pa.table({"x": range(100), "y": [n / 3 for n in range(100)], "t": ["a", None] * 50, "label": [0] * 100})
    plan = without_salt(rows.column_names, Split(holdout=0.2))
    assert plan == Plan(Way.KEY, ("x", "y", "t", "label"), 0.2)
    held = np.flatnonzero(holdout_mask(rows, plan, b"")).tolist()
    assert held == [0, 3, 7, 12, 13, 16, 19, 21, 22, 26, 32, 41, 42, 44, 49, 61, 63, 68, 70, 73, 76, 81, 92, 94]


@pytest.mark.parametrize("values", [[None] * 20, [float("nan"), None] * 10, [1.0] * 20])
def test_rows_of_one_key_cannot_be_divided_and_the_columns_are_named(values: list[float | None]) -> None:
    table = pa.table({"shop": pa.array(values, pa.float64()), "a": range(20), "label": [0, 1] * 10})
    plan = fixed(table, holdout=0.2, by="shop")
    with pytest.raises(BadInputError, match=r"all 20 rows have the same values in shop, so they are on one side"):
        divide(table, plan, SALT)
