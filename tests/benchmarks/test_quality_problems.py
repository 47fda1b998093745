"""What a problem's files hold, and above all what they do not."""

import json

import numpy as np
import pandas as pd
import pytest
from small_problem import problem

from benchmarks.quality import complete_journey, movielens_100k

DAY = complete_journey.SECONDS_A_DAY
ITEMS = pd.DataFrame({"item_id": ["old", "new", "unsold"], "category": ["c", "c", "c"], "price": [1.0, 2.0, None]})


@pytest.fixture
def groceries() -> pd.DataFrame:
    """Twelve days; `new` is sold on the last alone, by a shopper who was never seen before too."""
    rows = [("ann", "old", 0), ("ann", "old", 7 * DAY), ("bob", "old", 8 * DAY - 1), ("ann", "old", 8 * DAY)]
    rows += [("ann", "new", 11 * DAY + 5), ("eve", "new", 11 * DAY + 6), ("cid", "old", 12 * DAY - 1)]
    events = pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp"])
    return events.assign(session_id="s", quantity=1.0, value=2.0, store_id="x")


def test_the_window_is_the_newest_days_and_relevant_is_what_was_sold_before(groceries):
    found = complete_journey.cut(groceries, ITEMS, 4, seed=42)
    assert found.moment == 8 * DAY
    assert found.past["timestamp"].tolist() == [0, 7 * DAY, 8 * DAY - 1]
    assert found.relevant == {"ann": {"old"}, "cid": {"old"}}  # eve bought only what was not sold before


def test_no_file_of_a_problem_tells_of_the_window(groceries, tmp_path):
    folder = complete_journey.cut(groceries, ITEMS, 4, seed=42).write(tmp_path)
    description = json.loads((folder / "problem.json").read_text())
    past, items, queries = (pd.read_parquet(folder / f"{name}.parquet") for name in ("past", "items", "queries"))
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        ["problem.json", "past.parquet", "items.parquet", "queries.parquet"]
    )
    assert past["timestamp"].max() < description["moment"] == 8 * DAY
    assert set(past["item_id"]) == {"old"}
    assert past["timestamp"].is_monotonic_increasing
    assert list(past) == ["user_id", "item_id", "timestamp", "session_id", "quantity", "value"]
    assert list(queries) == ["user_id"]
    assert queries["user_id"].tolist() == ["ann", "cid"]
    # The price of `new` is that of its first sale, in the window.
    assert items.set_index("item_id")["price"].to_dict() == pytest.approx(
        {"old": 1.0, "new": np.nan, "unsold": np.nan}, nan_ok=True
    )


def test_the_earlier_problem_knows_nothing_of_the_reported_window(groceries):
    reported = complete_journey.cut(groceries, ITEMS, 4, seed=42)
    earlier = complete_journey.cut(reported.past, ITEMS, 1, seed=42)
    assert earlier.moment == 7 * DAY
    assert earlier.past["timestamp"].max() < 7 * DAY
    assert earlier.relevant == {"ann": {"old"}, "bob": {"old"}}


def test_a_problem_folder_is_named_after_its_content(tmp_path):
    folder = problem().write(tmp_path)
    assert problem().write(tmp_path) == folder
    assert problem(seed=43).write(tmp_path) != folder
    assert problem(past=problem().past.head(3)).write(tmp_path) != folder
    assert problem(relevant={"ann": {"bread"}, "bob": {"milk"}, "cid": {"wine"}}).write(tmp_path) == folder
    assert len(list(tmp_path.iterdir())) == 3  # nothing is left of what was written aside


@pytest.fixture
def ratings() -> pd.DataFrame:
    """20 ratings of one user, 30 of another and 41 of a third, up to ten at the same time."""
    users = ["a"] * 20 + ["b"] * 30 + ["c"] * 41
    order = np.random.default_rng(0).permutation(len(users))
    return pd.DataFrame({"user_id": users, "item_id": [f"film-{i}" for i in range(91)], "timestamp": order // 10})


def test_each_user_keeps_three_quarters_of_the_ratings(ratings):
    found = movielens_100k.split(ratings, pd.DataFrame(), seed=42)
    assert found.past.groupby("user_id").size().to_dict() == {"a": 15, "b": 22, "c": 31}  # 22.5 to the even number
    assert {user: len(items) for user, items in found.relevant.items()} == {"a": 5, "b": 8, "c": 10}


def test_past_and_relevant_ratings_are_the_whole_without_overlap(ratings):
    found = movielens_100k.split(ratings, pd.DataFrame(), seed=42)
    for user, rated in ratings.groupby("user_id")["item_id"]:
        assert found.relevant[user] | found.taken[user] == set(rated)
        assert not found.relevant[user] & found.taken[user]
    assert found.past["timestamp"].is_monotonic_increasing
    assert found.moment == found.past["timestamp"].max() + 1


def test_the_split_depends_on_the_seed_and_not_on_the_order_of_the_rows(ratings):
    items = pd.DataFrame()
    once = movielens_100k.split(ratings, items, seed=42).relevant
    assert movielens_100k.split(ratings.sample(frac=1.0, random_state=1), items, seed=42).relevant == once
    assert movielens_100k.split(ratings, items, seed=43).relevant != once
