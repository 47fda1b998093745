"""The weekly benchmark: which weeks and items a model may know, and what is compared."""

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks.continuous import METRICS, shop
from benchmarks.continuous.results import Differences
from benchmarks.continuous.shop import WeeklyShop

WEEK = 7 * 86_400
# (week, household, product): bread is sold always, jam until week 1, tea in week 2 only, cocoa not before week 4.
SALES = [(1, "h1", "jam"), (1, "h1", "bread"), (2, "h2", "tea"), (2, "h1", "bread"), (3, "h1", "bread")]
SALES += [(4, "h1", "cocoa"), (4, "h1", "jam"), (4, "h2", "bread"), (4, "h3", "cocoa")]


@pytest.fixture
def weekly(tmp_path, monkeypatch) -> WeeklyShop:
    """Windows of two weeks over these sales."""

    def prepare(folder, households):
        assert households == 3
        for week in range(1, 5):
            rows = [sale for sale in SALES if sale[0] == week]
            columns = {
                "user_id": [row[1] for row in rows],
                "item_id": [row[2] for row in rows],
                "timestamp": [week * WEEK + 100 * n for n in range(len(rows))],
                "event": ["purchase"] * len(rows),
            }
            (folder / "events" / f"span-{week}").mkdir(parents=True)
            pq.write_table(pa.table(columns), folder / "events" / f"span-{week}" / "part-0.parquet")
        items = ["bread", "cocoa", "jam", "tea"]
        for table, rows in (("items", {"item_id": items, "category": items}), ("users", {"user_id": ["h1"]})):
            (folder / table).mkdir()
            pq.write_table(pa.table(rows), folder / table / "part-0.parquet")

    monkeypatch.setattr(shop.complete_journey, "prepare", prepare)
    return WeeklyShop(tmp_path, households=3, window=2, seed=1)


def catalogue(weekly: WeeklyShop) -> list[str]:
    return pd.read_parquet(weekly.root / "items")["item_id"].tolist()


def landed(weekly: WeeklyShop) -> list[str]:
    return sorted(path.name for path in (weekly.root / "events").iterdir())


def test_nothing_lands_before_its_week_and_what_is_not_sold_any_more_leaves(weekly):
    assert weekly.land(2) == 3
    assert landed(weekly) == ["span-1", "span-2"]
    assert catalogue(weekly) == ["bread", "jam", "tea"]
    assert weekly.land(3) == 2
    assert landed(weekly) == ["span-1", "span-2", "span-3"]
    assert catalogue(weekly) == ["bread", "tea"]


def test_the_question_is_the_following_week_and_its_answer_what_was_sold_before(weekly):
    problem = weekly.problem(3)
    assert problem.past["timestamp"].max() < problem.moment < 4 * WEEK
    assert problem.relevant == {"h1": {"jam"}, "h2": {"bread"}}  # nobody could know cocoa
    assert problem.answers("first_time") == {"h2": {"bread"}}
    assert problem.catalogue == {"bread", "jam", "tea"}


def test_a_household_counts_with_the_mean_of_its_weeks():
    differences = Differences(seed=1)

    def week(warm: dict[str, float], cold: dict[str, float]) -> dict:
        values = {"warm": warm, "cold": cold, "frozen": dict.fromkeys(warm, 0.0)}
        return {arm: dict.fromkeys(METRICS, by_household) for arm, by_household in values.items()}

    differences.add(week({"h1": 0.5, "h2": 0.2}, {"h1": 0.3, "h2": 0.3}))
    differences.add(week({"h1": 0.3}, {"h1": 0.3}))
    figure = differences.figures()["cold"]["ndcg@10"]
    assert figure.value == pytest.approx((0.1 - 0.1) / 2)  # h1: (.2 + 0) / 2, h2: -.1
    assert figure.interval == pytest.approx((-0.1, 0.1))
    assert differences.figures()["frozen"]["recall@50"].value == pytest.approx((0.4 + 0.2) / 2)
