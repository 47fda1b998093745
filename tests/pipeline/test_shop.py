import datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.config import Config
from pipeline.shop import NoTables, Shop, UnknownShopper

DAY = 86_400


@pytest.fixture
def make_shop(tmp_path):
    """A shop whose own names, types and one bad row differ from the contract, as a shop's do."""

    def write(path: str, columns: dict) -> None:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table(columns), tmp_path / path)

    def make(**requests) -> Shop:
        config = Config.model_validate(
            {
                "name": "shop",
                "data": {
                    "root": str(tmp_path),
                    "columns": {"events": {"user_id": "customer", "item_id": "sku"}, "items": {"item_id": "sku"}},
                },
                "schema_dir": "schemas",
                "features": [
                    {"name": "title", "role": "item", "kind": "text"},
                    {"name": "blurb", "role": "item", "kind": "text"},
                    {"name": "store", "role": "context", "kind": "categorical"},
                ],
                "requests": {"positive_events": ["purchase"], **requests},
                "model": {"heads": [{"name": "purchase", "events": ["purchase"]}]},
            }
        )
        return Shop(config)

    def instants(*days: int) -> pa.Array:
        return pa.array([datetime.datetime.fromtimestamp(day * DAY, datetime.UTC) for day in days])

    # The first span was written before the shop had stores.
    write("events/span-1/a.parquet", {
        "customer": [7, 8, 7], "sku": ["a", "b", "c"], "timestamp": instants(2, 1, 1),
        "event": pa.array(["purchase", "click", "purchase"]).dictionary_encode(),
    })  # fmt: skip
    write("events/span-2/a.parquet", {
        "customer": [7, 7, None], "sku": ["d", "e", "f"], "timestamp": instants(4, 3, 9),
        "event": ["click", "purchase", "purchase"],
        "store": ["north", "south", "north"], "scene": ["app", "web", "app"],
    })  # fmt: skip
    write("items/a.parquet", {"sku": ["a", "b"], "title": ["Apples", "Bread"], "blurb": ["red", None]})
    return make


def test_a_shopper_is_read_by_the_shops_own_columns_oldest_event_first(make_shop):
    shopper = make_shop().shopper("7")
    assert [(event.item_id, event.timestamp, event.event) for event in shopper.history] == [
        ("c", 1 * DAY, "purchase"),
        ("a", 2 * DAY, "purchase"),
        ("e", 3 * DAY, "purchase"),
    ]
    assert (shopper.context, shopper.scene) == ({"store": "north"}, "app")  # those of the click on day 4


def test_a_history_holds_the_kinds_of_event_that_are_configured(make_shop):
    history = make_shop(history_events=["purchase", "click"]).shopper("7").history
    assert [event.item_id for event in history] == ["c", "a", "e", "d"]


def test_a_shopper_whose_last_event_has_no_circumstances_has_none(make_shop):
    shopper = make_shop().shopper("8")
    assert (shopper.history, shopper.context, shopper.scene) == ([], {}, "")


def test_now_is_right_after_the_newest_event_that_counts(make_shop):
    assert make_shop().now() == 4 * DAY + 1  # the event of day 9 has no user


def test_an_unknown_shopper_is_refused_with_those_who_are_known(make_shop):
    with pytest.raises(UnknownShopper, match=r"no event of user '9' .* some users there: 7, 8$"):
        make_shop().shopper("9")


def test_the_typical_shopper_has_the_median_number_of_events(make_shop):
    assert make_shop().typical_shopper() == "7"  # 8 has one event, 7 has four


def test_texts_join_what_an_item_declares_and_leave_out_what_it_lacks(make_shop):
    assert make_shop().texts(["a", "b", "zzz"]) == {"a": "Apples red", "b": "Bread"}


def test_tables_that_are_not_there_are_named(make_shop, tmp_path):
    shop = make_shop()
    (tmp_path / "items" / "a.parquet").unlink()
    with pytest.raises(NoTables, match=r"items holds no \*\.parquet files"):
        shop.texts(["a"])
    pq.write_table(pa.table({"name": ["x"]}), tmp_path / "events" / "span-2" / "a.parquet")
    with pytest.raises(NoTables, match="has no column customer, sku, timestamp, event"):
        shop.shopper("7")


def test_what_is_still_being_written_under_another_name_is_no_data(make_shop, tmp_path):
    shop = make_shop()
    before = shop.shopper("7")
    whole = tmp_path / "events" / "span-2" / "a.parquet"
    for staged in (".span-3/a.parquet", "span-2/_a.parquet", "span-2/.a.parquet"):
        path = tmp_path / "events" / staged
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(whole.read_bytes())
    assert shop.shopper("7") == before


def test_a_damaged_file_is_named(make_shop, tmp_path):
    shop = make_shop()
    path = tmp_path / "events" / "span-2" / "a.parquet"
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(NoTables, match=r"span-2/a\.parquet is no readable Parquet file .*; write it again"):
        shop.shopper("7")
