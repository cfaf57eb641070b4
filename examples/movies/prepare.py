"""What a person rated next, beside what the person had rated before, as a table.

python prepare.py movietweetings_ratings.parquet movies.parquet
"""

import argparse

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

HISTORY = 20
"""Films of the past that a row holds; 0 stands where a person has rated fewer."""
FEWEST = 3
"""Films that somebody must have rated before a row is made: a list that follows from one film says little."""


def next_films(ratings: pd.DataFrame, rows: int | None = None) -> pd.DataFrame:
    """One row a rating: `history` (film numbers, the latest last), `user_id`, `movie_id` (the film that came next), `time`.

    ratings: user_id, movie_id (an IMDb number as text), rating_timestamp in seconds. The first `rows` in time are kept. A rating says
    that a person has seen the film, whatever the mark.
    """
    ordered = ratings.sort_values(["user_id", "rating_timestamp", "movie_id"], kind="stable")
    found: list[dict[str, object]] = []
    for user, group in ordered.groupby("user_id", sort=True):
        films = [int(film) for film in group["movie_id"]]
        for place, time in enumerate(group["rating_timestamp"]):
            if place >= FEWEST:
                past = films[max(0, place - HISTORY) : place]
                history = [0] * (HISTORY - len(past)) + past
                row = {"user_id": user, "history": history, "seen": seen(place), "movie_id": films[place], "time": time}
                found.append(row)
    table = pd.DataFrame(found).sort_values(["time", "user_id"], kind="stable", ignore_index=True)
    return table if rows is None else table.iloc[:rows]


def seen(films: int) -> str:
    """A range of numbers of films, to report apart."""
    return "3-5 films" if films < 6 else "6-19 films" if films < HISTORY else "20 films or more"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source")
    parser.add_argument("out")
    parser.add_argument("--rows", type=int, help="how many rows to take, the earliest first; all, if not given")
    given = parser.parse_args()
    frame = next_films(pd.read_parquet(given.source), given.rows)
    table = pa.Table.from_pandas(frame, preserve_index=False)
    history = table.column("history").cast(pa.list_(pa.int64(), HISTORY))
    table = table.set_column(table.column_names.index("history"), "history", history)
    pq.write_table(table, given.out)
    print(f"{given.out}: {table.num_rows} rows")
