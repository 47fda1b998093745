"""MovieLens-100K by GroupLens: films and their ratings over seven months, in the data contract.

It is read from the copy that RecBole ships as its example dataset, in that library's atomic files: tab-separated, with
typed headers such as `user_id:token`.
"""

import csv
import io
import pathlib

import pandas as pd
import pyarrow as pa

from pipeline.data import tables, wheels
from pipeline.data.dataset import Dataset

WEEK_SECONDS = 7 * 24 * 3600
# The source files these at the end, as in `Fan, The`; elsewhere a comma belongs to the title, as in `Paris, Texas`.
ARTICLES = "The|A|An|La|Le|Les|Il|Das|Der"

EVENTS = pa.schema(
    {
        "user_id": pa.string(),
        "item_id": pa.string(),
        "timestamp": pa.int64(),
        "event": pa.string(),
        "scene": pa.string(),
        "value": pa.float32(),
    }
)
ITEMS = pa.schema(
    {
        "item_id": pa.string(),
        "title": pa.string(),
        "genre": pa.string(),
        "release_year": pa.float32(),
        "available": pa.int64(),
    }
)
USERS = pa.schema({"user_id": pa.string(), "age": pa.float32(), "gender": pa.string(), "occupation": pa.string()})
SCHEMAS = {"events": EVENTS, "items": ITEMS, "users": USERS}


def prepare(
    destination: str | pathlib.Path, users: int | None = None, cache_dir: pathlib.Path | None = None
) -> tables.Summary:
    """Writes the dataset's events, items and users under `destination`; a second call with the same arguments is free.

    Args:
        destination: folder to write; what an earlier preparation wrote there is replaced as a whole.
        users: size of a sample of users, drawn by the hash of their ids. Its catalogue is what they rated.
        cache_dir: where the source is kept; `.cache/wheels` under the working directory by default.

    Raises:
        dataset.DataError: there are fewer users with ratings, or `destination` holds something else.
        wheels.WheelError: the source cannot be had.
    """
    recipe = tables.Recipe("MovieLens-100K", wheels.MOVIELENS.sha256, {"users": users})
    return tables.publish(destination, recipe, SCHEMAS, lambda: _dataset(users, cache_dir))


def _dataset(users: int | None, cache_dir: pathlib.Path | None) -> Dataset:
    wheel = wheels.fetch(wheels.MOVIELENS, cache_dir)
    people = _read(wheel, "user")
    dataset = Dataset(
        events=_ratings(_read(wheel, "inter")),
        items=_films(_read(wheel, "item")),
        users=people.assign(age=people["age"].astype("float32")),
        set_aside={"events": {}, "items": {}, "users": {}},
    )
    return dataset if users is None else dataset.sample(users)


def _read(wheel: pathlib.Path, kind: str) -> pd.DataFrame:
    """One atomic file, every column as text: some of its numbers are placeholders, and `none` is an occupation."""
    content = wheels.read(wheel, f"recbole/dataset_example/ml-100k/ml-100k.{kind}")
    frame = pd.read_csv(io.BytesIO(content), sep="\t", dtype=str, keep_default_na=False, quoting=csv.QUOTE_NONE)
    return frame.rename(columns=lambda header: header.partition(":")[0])


def _ratings(inter: pd.DataFrame) -> pd.DataFrame:
    """Ratings, oldest first, each in its week, counted from the very first rating."""
    timestamp = inter["timestamp"].astype("int64")
    ratings = inter.assign(
        timestamp=timestamp,
        value=inter["rating"].astype("float32"),
        event="rating",
        scene="movies",
        span=1 + (timestamp - timestamp.min()) // WEEK_SECONDS,
    )
    return ratings.sort_values(["timestamp", "user_id", "item_id"], kind="stable")


def _films(films: pd.DataFrame) -> pd.DataFrame:
    title = films["movie_title"].replace("unkonwn", "Unknown")  # the source's spelling of its one nameless film
    title = title.str.replace(rf"^(.+), ({ARTICLES})( \(.+\))?$", r"\2 \1\3", regex=True)
    genres = films["class"].where(films["class"] != "unknown")
    return films.assign(
        title=title + (": " + genres.str.lower().str.replace(" ", ", ")).fillna(""),
        genre=genres.str.split().str[0],
        release_year=pd.to_numeric(films["release_year"], errors="coerce"),  # two are placeholders
        available=1,
    )
