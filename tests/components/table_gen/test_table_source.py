import pyarrow as pa
import pytest

from components.table_gen.contract import contract_of
from components.table_gen.source import TableError, find, read


@pytest.fixture
def find_table(make_config):
    def run(table: str, features=(), **data):
        config = make_config(features, **data)
        return find(f"{config.data.root}/{table}", contract_of(table, config))

    return run


def paths(source) -> list[str]:
    return ["/".join(group.path.split("/")[-2:]) for group in source.row_groups]


def test_spans_are_read_in_the_order_of_their_numbers(find_table, write, events):
    for span in ("span-10", "span-9", "span-002"):
        write(f"events/{span}/a.parquet", events())

    source = find_table("events")

    assert paths(source) == ["span-002/a.parquet", "span-9/a.parquet", "span-10/a.parquet"]
    assert source.span == 10


def test_names_that_begin_with_a_dot_or_an_underscore_are_no_data(find_table, write, events):
    for path in ("span-1/a", "span-1/_a", "span-1/.a", ".span-2/a", "_span-3/a"):
        write(f"events/{path}.parquet", events())
    assert paths(find_table("events")) == ["span-1/a.parquet"]


def test_spans_outside_the_window_are_not_even_opened(find_table, write, events, tmp_path):
    for span in (2, 3):
        write(f"events/span-{span}/a.parquet", events())
    for span in (1, 4):
        folder = tmp_path / f"data/events/span-{span}"
        folder.mkdir()
        (folder / "a.parquet").write_text("not Parquet")

    source = find_table("events", first_span=2, last_span=3)

    assert paths(source) == ["span-2/a.parquet", "span-3/a.parquet"]
    assert source.span == 3


@pytest.mark.parametrize(
    ("data", "read_spans"),
    [
        ({}, (8, 40)),
        ({"last_span": 8}, (7, 8)),  # as by --param on a cluster, where nothing else cuts the window
        ({"first_span": 7, "last_span": 8}, (7, 8)),  # as a local run has cut it before
        ({"first_span": 40}, (40,)),
    ],
)
def test_a_window_is_the_newest_spans_that_are_there(find_table, write, events, data, read_spans):
    for span in (1, 7, 8, 40):
        write(f"events/span-{span}/a.parquet", events())

    assert find_table("events", window_spans=2, **data).spans == read_spans


def test_every_row_group_knows_its_first_row(find_table, write, events):
    write("events/span-0/a.parquet", events(5), row_group_size=2)

    source = find_table("events")

    assert [(group.first_row, group.num_rows) for group in source.row_groups] == [(0, 2), (2, 2), (4, 1)]
    assert source.num_rows == 5


def test_every_batch_of_a_long_row_group_knows_its_first_row(find_table, write):
    write("users/a.parquet", {"user_id": pa.array(range(70_000))})
    source = find_table("users")

    for first_row, batch in read(source.row_groups[0], source.contract):
        assert batch["user_id"][0].as_py() == first_row
    assert first_row + batch.num_rows == 70_000
    assert first_row > 0


def test_optional_columns_that_no_file_has_are_left_out(find_table, write, events):
    write("events/span-0/a.parquet", events())
    write("events/span-1/a.parquet", events(scene=["shop"] * 3, unknown=[1, 2, 3]))

    source = find_table("events")

    assert source.contract.schema.names == ["user_id", "item_id", "timestamp", "event", "scene"]


def test_a_file_without_an_optional_column_gives_nulls(find_table, write, events):
    write("events/span-0/a.parquet", events())
    write("events/span-1/a.parquet", events(scene=["shop"] * 3))
    source = find_table("events")

    scenes = [batch["scene"].to_pylist() for group in source.row_groups for _, batch in read(group, source.contract)]

    assert scenes == [[None] * 3, ["shop"] * 3]


def test_no_span_in_the_window_says_which_there_are(find_table, write, events):
    write("events/span-7/a.parquet", events())

    with pytest.raises(TableError, match=r"first_span\.\.data\.last_span is 8\.\.9, and spans 7 to 7 are there"):
        find_table("events", first_span=8, last_span=9)


def test_no_data_at_all_says_where_it_was_looked_for(find_table):
    with pytest.raises(TableError, match=r"no spans to read in .*/data/events.*no span-N folder is there"):
        find_table("events")
    with pytest.raises(TableError, match=r"the items table is empty: it has no \*\.parquet files, in .*/data/items"):
        find_table("items")


def test_a_span_without_files_is_named(find_table, write, events, tmp_path):
    write("events/span-0/a.parquet", events())
    (tmp_path / "data/events/span-1").mkdir()

    with pytest.raises(TableError, match=r"span 1 of the events table is empty: it has no \*\.parquet files"):
        find_table("events")


def test_a_span_without_rows_is_named(find_table, write, events):
    write("events/span-0/a.parquet", events())
    columns = {name: pa.array(values).slice(0, 0) for name, values in events().items()}
    write("events/span-1/a.parquet", columns)

    with pytest.raises(TableError, match=r"span 1 of the events table is empty: its files hold no rows"):
        find_table("events")


@pytest.mark.parametrize(
    ("folder", "message"),
    [("span-3", "are both span 3"), ("span-latest", "a span is a number")],
)
def test_span_folders_must_be_numbered_once(find_table, write, events, folder, message):
    write("events/span-03/a.parquet", events())
    write(f"events/{folder}/a.parquet", events())

    with pytest.raises(TableError, match=message):
        find_table("events")


def test_a_missing_required_column_lists_those_there_and_the_setting(find_table, write, events):
    columns = events()
    columns["household"] = columns.pop("user_id")
    write("events/span-0/a.parquet", columns)

    with pytest.raises(
        TableError,
        match=r"span-0/a\.parquet has no column 'user_id'.*it has: item_id, timestamp, event, household\. "
        r".*set data\.columns\.events\.user_id to its name",
    ):
        find_table("events")


def test_a_declared_feature_must_be_in_some_file(find_table, write):
    write("items/a.parquet", {"item_id": ["1"]})
    feature = [("brand", "item", "categorical")]

    with pytest.raises(TableError, match=r"data/items has no column 'brand'"):
        find_table("items", feature)

    write("items/b.parquet", {"item_id": ["2"], "brand": ["acme"]})
    assert find_table("items", feature).contract.schema.names == ["item_id", "brand"]


def test_a_column_of_the_wrong_type_says_what_it_takes(find_table, write, events):
    write("events/span-0/a.parquet", events(value=["1.5"] * 3))

    with pytest.raises(
        TableError, match=r"a\.parquet: column 'value' holds string, which cannot be read as value; it takes numbers"
    ):
        find_table("events")


def test_a_file_that_is_not_parquet_is_named(find_table, tmp_path):
    folder = tmp_path / "data/users"
    folder.mkdir(parents=True)
    (folder / "a.parquet").write_bytes(b"PAR1 but not really")

    with pytest.raises(TableError, match=r"data/users/a\.parquet is no readable Parquet file"):
        find_table("users")


def test_damaged_pages_are_named_by_row_group(find_table, write):
    file = write("users/a.parquet", {"user_id": [f"u{n}" for n in range(2000)]}, row_group_size=1000)
    content = bytearray(file.read_bytes())
    content[4:40] = b"\xff" * 36  # the first page header
    file.write_bytes(content)
    source = find_table("users")

    with pytest.raises(TableError, match=r"a\.parquet: row group 0, from row 0, cannot be read"):
        list(read(source.row_groups[0], source.contract))
