import pandas as pd
import pytest

from pipeline.data import movielens

FIRST_RATING = 874_724_710  # 1997-09-20 03:05:10
WEEK = 7 * 24 * 3600


@pytest.fixture(scope="module")
def full(tmp_path_factory, wheel_cache):
    root = tmp_path_factory.mktemp("full") / "movielens"
    return root, movielens.prepare(root, cache_dir=wheel_cache)


@pytest.fixture(scope="module")
def items(full):
    return pd.read_parquet(full[0] / "items").set_index("item_id")


def test_every_rating_film_and_user_is_there_once(full):
    written = {name: table.written for name, table in full[1].tables.items()}
    assert written == {"events": 100_000, "items": 1_682, "users": 943}
    events = pd.read_parquet(full[0] / "events")
    assert not events.duplicated(["user_id", "item_id"]).any()
    # GroupLens' own count of one to five stars.
    assert events["value"].value_counts().sort_index().tolist() == [6_110, 11_370, 27_145, 34_174, 21_201]


def test_spans_are_weeks_since_the_first_rating(full):
    for number in range(1, 32):
        timestamps = pd.read_parquet(full[0] / "events" / f"span-{number}")["timestamp"]
        assert set((timestamps - FIRST_RATING) // WEEK + 1) == {number}
    assert full[1].spans == (1, 31)


@pytest.mark.parametrize(
    ("item", "title", "genre", "year"),
    [
        ("1", "Toy Story: animation, children's, comedy", "Animation", 1995),
        ("543", "Les Misérables: drama, musical", "Drama", 1995),  # Misérables, Les
        # Double vie de Véronique, La (Double Life of Veronique, The)
        ("1005", "La Double vie de Véronique (Double Life of Veronique, The): drama", "Drama", 1991),
        ("1373", "Good Morning", None, 1971),  # its class is `unknown`
        ("267", "Unknown", None, None),  # title, year and class are placeholders
    ],
)
def test_films_read_naturally_and_placeholders_are_missing(items, item, title, genre, year):
    film = items.loc[item]
    assert film["title"] == title
    assert film["genre"] == genre or (genre is None and pd.isna(film["genre"]))
    assert film["release_year"] == year or (year is None and pd.isna(film["release_year"]))


def test_a_comma_of_the_title_is_no_article(items):
    assert items["title"].str.startswith("Paris, Texas:").any()


def test_the_occupation_none_is_kept(full):
    assert (pd.read_parquet(full[0] / "users")["occupation"] == "none").sum() == 9


def test_a_sample_keeps_the_weeks_of_the_full_tables(full, tmp_path, wheel_cache):
    movielens.prepare(tmp_path / "sample", users=30, cache_dir=wheel_cache)
    folders = list((tmp_path / "sample" / "events").iterdir())
    assert sum(pd.read_parquet(folder)["user_id"].nunique() for folder in folders) >= 30
    for folder in folders:
        sample, whole = pd.read_parquet(folder), pd.read_parquet(full[0] / "events" / folder.name)
        assert sample.equals(whole[whole["user_id"].isin(sample["user_id"])].reset_index(drop=True))
