"""The tables of examples/movies, examples/same_product and examples/news_bandit: what a row knows, and which rows a sample has."""

import runpy
from pathlib import Path
from typing import Any

import pandas as pd

EXAMPLES = Path(__file__).parents[2] / "examples"


def prepared(example: str) -> dict[str, Any]:
    """What the example's prepare.py defines."""
    return runpy.run_path(str(EXAMPLES / example / "prepare.py"))


MOVIES, OFFERS, BANDIT = prepared("movies"), prepared("same_product"), prepared("news_bandit")


def ratings(*rows: tuple[int, str, int]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["user_id", "movie_id", "rating_timestamp"])


def test_a_history_holds_what_a_person_rated_before_and_nothing_after() -> None:
    table = MOVIES["next_films"](ratings((1, "0000009", 50), *((1, f"000000{film}", film) for film in range(1, 5))))
    assert table["movie_id"].tolist() == [4, 9]
    assert [history[-4:] for history in table["history"]] == [[0, 1, 2, 3], [1, 2, 3, 4]]
    assert {len(history) for history in table["history"]} == {MOVIES["HISTORY"]}
    assert table["time"].tolist() == [4, 50]


def test_a_person_of_three_films_gives_no_row_and_nobody_reads_anothers_history() -> None:
    first = [(1, str(film), film) for film in range(1, 4)]
    second = [(2, str(film), film) for film in range(11, 16)]
    table = MOVIES["next_films"](ratings(*first, *second))
    assert table["user_id"].tolist() == [2, 2]
    assert not {1, 2, 3} & {film for history in table["history"] for film in history}


def test_a_long_history_keeps_its_latest_films_and_a_sample_the_earliest_rows() -> None:
    table = MOVIES["next_films"](ratings(*((1, str(film), film) for film in range(1, 41))), 30)
    assert len(table) == 30
    assert table["time"].is_monotonic_increasing
    assert table["history"].iloc[-1] == list(range(13, 33))
    assert table["seen"].unique().tolist() == ["3-5 films", "6-19 films", "20 films or more"]


def offers(products: int, each: int) -> pd.DataFrame:
    rows = [(f" title {offer} of {product} ", product, "TVs") for product in range(products) for offer in range(each)]
    return pd.DataFrame(rows, columns=["Product Title", "Cluster ID", "Category Label"])


def test_a_sample_of_offers_has_whole_products_from_everywhere() -> None:
    table = OFFERS["offers"](offers(100, 3), 60)
    assert len(table) == 60
    assert set(table["product"].value_counts()) == {3}
    assert table["product"].astype(int).max() >= 90


def test_an_offer_without_a_title_is_left_out_and_spaces_around_one_are() -> None:
    source = offers(2, 2)
    source.loc[0, "Product Title"], source.loc[1, "Product Title"] = None, "  "
    table = OFFERS["offers"](source)
    assert table["title"].tolist() == ["title 0 of 1", "title 1 of 1"]
    assert table["product"].tolist() == ["1", "1"]


def showings(*times: str) -> pd.DataFrame:
    """A log of twelve items, in which item i has the affinity i."""
    affinities = {f"user-item_affinity_{item}": float(item) for item in (*range(2, 12), 0, 1)}
    row = {"item_id": 3, "position": 1, "click": 1, "propensity_score": 1 / 12, "user_feature_0": "a", **affinities}
    return pd.DataFrame([{"timestamp": time, **row} for time in times])


def test_affinities_stand_in_the_order_of_the_items() -> None:
    table = BANDIT["shown"](showings("2019-11-24 00:00:01+00:00"))
    assert table["affinity"].iloc[0].tolist() == list(range(12))
    assert table.columns.tolist() == ["item_id", "position", "user_0", "affinity", "click", "propensity", "time"]


def test_a_log_is_read_in_its_order_of_time_in_seconds() -> None:
    late, early = "2019-11-24 00:00:02.5+00:00", "1970-01-01 00:00:09+00:00"
    table = BANDIT["shown"](showings(late, early))
    assert table["time"].tolist() == [9, 1_574_553_602]
    assert BANDIT["shown"](showings(late, early), 1)["time"].tolist() == [9]
