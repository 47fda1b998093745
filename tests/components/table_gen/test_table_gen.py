"""The component end to end: real Parquet files, real Beam, real artifacts."""

import datetime

import apache_beam as beam
import pyarrow as pa
import pytest
from apache_beam.testing.util import assert_that, equal_to

from components.table_gen.contract import contract_of
from components.table_gen.source import TableError
from pipeline.beam import LOCAL_BEAM_ARGS


def test_values_arrive_as_they_were(ingest, make_config, write, events):
    noon = datetime.datetime(2021, 3, 4, 12, tzinfo=datetime.UTC)
    columns = events(
        4,
        timestamp=pa.array([noon] * 4, pa.timestamp("ns", "Europe/Berlin")),
        quantity=pa.array([0, None, -2, 3]),
        value=[0.0, None, -0.5, 0.1],
        scene=["", None, "köy 🛒", "a\nb"],
    )
    write("events/span-0/a.parquet", columns)

    rows = sorted(ingest("events", make_config()).rows, key=lambda row: row["user_id"])

    assert [row["quantity"] for row in rows] == [0.0, None, -2.0, 3.0]
    assert [row["value"] for row in rows] == [0.0, None, -0.5, 0.1]
    assert [row["scene"] for row in rows] == ["", None, "köy 🛒", "a\nb"]
    assert [row["timestamp"] for row in rows] == [int(noon.timestamp())] * 4


def test_the_shops_columns_take_the_contracts_names_and_types(ingest, make_config, write):
    write("items/a.parquet", {"product": [7], "brand": ["acme"], "price": [3], "on_sale": [True], "internal": ["x"]})
    config = make_config(
        features=[("brand", "item", "categorical"), ("price", "item", "numeric")],
        columns={"items": {"item_id": "product", "available": "on_sale"}},
    )

    assert ingest("items", config).rows == [{"item_id": "7", "available": 1, "brand": "acme", "price": 3.0}]


def test_rejected_rows_are_kept_with_file_row_reason_and_values(ingest, make_config, write, events):
    good = write("events/span-0/a.parquet", events(3))
    times = ["2021-01-01", "2021-01-01", "2021-01-01", "soon"]
    bad = write("events/span-1/b.parquet", events(4, timestamp=times, item_id=["1", None, "3", "4"]), row_group_size=2)

    result = ingest("events", make_config(max_rejected_share=0.5))

    assert [(row["file"], row["row"], row["field"], row["reason"]) for row in result.quarantine] == [
        (str(bad), 1, "item_id", "missing"),
        (str(bad), 3, "timestamp", "not an ISO 8601 time"),
    ]
    assert result.quarantine[1]["values"]["timestamp"] == "soon"
    assert str(good) not in {row["file"] for row in result.quarantine}
    assert result.summary == {
        "table": "events",
        "span": 1,
        "spans": 2,
        "read": 7,
        "accepted": 5,
        "rejected": {"item_id: missing": 1, "timestamp: not an ISO 8601 time": 1},
    }
    assert len(result.rows) == 5


def test_the_first_row_of_an_id_is_kept_over_all_files(ingest, make_config, write):
    write("users/a.parquet", {"user_id": ["u1", "u2", "u1"], "age": [1, 2, 3]}, row_group_size=1)
    second = write("users/b.parquet", {"user_id": ["u3", "u2", "u2"], "age": [4, 5, 6]})
    config = make_config(features=[("age", "user", "numeric")], max_rejected_share=0.9)

    result = ingest("users", config)

    assert sorted((row["user_id"], row["age"]) for row in result.rows) == [("u1", 1.0), ("u2", 2.0), ("u3", 4.0)]
    assert [(row["row"], row["values"]["age"]) for row in result.quarantine] == [(2, "3"), (1, "5"), (2, "6")]
    assert result.quarantine[2]["file"] == str(second)
    assert result.summary["rejected"] == {"user_id: duplicate": 3}


def test_too_many_rejected_rows_stop_the_run_with_counts_and_examples(ingest, make_config, write, events):
    file = write("events/span-0/a.parquet", events(10, when=[None, "x"] + ["2021-01-01"] * 8))
    config = make_config(max_rejected_share=0.1, columns={"events": {"timestamp": "when"}})

    with pytest.raises(TableError) as caught:
        ingest("events", config)

    message = str(caught.value)
    assert "events: 2 of 10 rows (20.00%) break the data contract" in message
    assert "data.max_rejected_share allows 10.00%" in message
    assert "1 x timestamp: not an ISO 8601 time" in message
    assert f"{file}, row 1, column 'when': not an ISO 8601 time, found 'x'" in message


def test_timestamps_in_milliseconds_stop_the_run_with_the_value_and_the_unit(ingest, make_config, write, events):
    file = write("events/span-0/a.parquet", events(3, timestamp=[1_600_000_000_000 + n for n in range(3)]))

    with pytest.raises(TableError) as caught:
        ingest("events", make_config(max_rejected_share=0.5))

    message = str(caught.value)
    assert "events: 3 of 3 rows (100.00%) break the data contract" in message
    assert f"{file}, row 0, column 'timestamp': after 2199; seconds are expected, found '1600000000000'" in message
    assert "Mend these rows" in message


def test_a_share_that_is_just_allowed_passes(ingest, make_config, write, events):
    write("events/span-0/a.parquet", events(10, value=[float("inf")] + [1.0] * 9))

    assert ingest("events", make_config(max_rejected_share=0.1)).summary["accepted"] == 9


def test_a_table_without_any_good_row_stops_the_run(ingest, make_config, write):
    write("users/a.parquet", {"user_id": ["", None]})

    with pytest.raises(TableError, match="users: 2 of 2 rows"):
        ingest("users", make_config(max_rejected_share=1.0))


def test_the_artifact_says_what_it_holds(ingest, make_config, write, events):
    write("events/span-4/a.parquet", events(2))
    write("events/span-5/a.parquet", events(2, event=["", "click"]))

    artifact = ingest("events", make_config(max_rejected_share=0.5)).artifact

    assert artifact.split_names == '["before", "newest"]'
    assert artifact.span == 5
    assert artifact.get_string_custom_property("payload_format") == "FORMAT_PARQUET"
    counts = [artifact.get_int_custom_property(f"rows_{name}") for name in ("read", "accepted", "rejected")]
    assert counts == [4, 3, 1]


def test_the_newest_span_is_a_split_of_its_own(ingest, make_config, write, events):
    for span in (9, 10, 2):
        write(f"events/span-{span}/a.parquet", events(1, user_id=[f"of span {span}"]))

    result = ingest("events", make_config())

    assert [row["user_id"] for row in result.rows_of("newest")] == ["of span 10"]
    assert sorted(row["user_id"] for row in result.rows_of("before")) == ["of span 2", "of span 9"]
    assert (result.summary["span"], result.summary["spans"]) == (10, 3)


def test_a_window_of_one_span_has_nothing_before_it(ingest, make_config, write, events):
    for span in (1, 2):
        write(f"events/span-{span}/a.parquet", events(1, user_id=[f"of span {span}"]))

    result = ingest("events", make_config(first_span=2))

    assert result.artifact.split_names == '["newest"]'
    assert [row["user_id"] for row in result.rows] == ["of span 2"]


def test_a_table_without_spans_is_one_split(ingest, make_config, write):
    write("users/a.parquet", {"user_id": ["u1"]})

    result = ingest("users", make_config())

    assert result.artifact.split_names == '["all"]'
    assert (result.summary["span"], result.summary["spans"]) == (None, 0)


def test_later_components_read_flat_tables_with_every_column_of_the_contract(ingest, make_config, write, events):
    from components.table_gen.read import ReadTable

    write("events/span-0/a.parquet", events(2, value=[0.0, None]))
    config = make_config()
    result = ingest("events", config)
    schema = contract_of("events", config).schema
    expected = [
        {name: None for name in schema.names} | row | {"value": value}
        for row, value in zip(pa.table(events(2)).to_pylist(), [0.0, None], strict=True)
    ]

    with beam.Pipeline(argv=list(LOCAL_BEAM_ARGS)) as pipeline:
        rows = pipeline | ReadTable(str(result.uri), schema) | beam.FlatMap(pa.Table.to_pylist)
        assert_that(rows, equal_to(expected))


def test_the_cache_key_changes_with_the_declared_features_of_the_table_only(make_config):
    from components.table_gen.component import table_gen

    plain = table_gen("items", make_config())
    other_table = table_gen("items", make_config(features=[("age", "user", "numeric")]))
    this_table = table_gen("items", make_config(features=[("price", "item", "numeric")]))

    assert plain.id == "ItemsGen"
    assert plain.exec_properties == other_table.exec_properties
    assert plain.exec_properties != this_table.exec_properties
