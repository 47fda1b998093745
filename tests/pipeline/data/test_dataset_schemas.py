"""The shipped configurations, TFMD schemas and prepared tables of the public datasets agree with one another."""

import pathlib

import pandas as pd
import pyarrow as pa
import pytest
import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import schema_pb2

from components.table_gen.contract import contract_of
from pipeline import config as config_lib
from pipeline.data import complete_journey, movielens

DATASETS = {"complete_journey": complete_journey, "movielens": movielens}
TABLES = [(dataset, table) for dataset in DATASETS for table in ("events", "items", "users")]
TYPES = {pa.string(): schema_pb2.BYTES, pa.int64(): schema_pb2.INT, pa.float32(): schema_pb2.FLOAT}
TABLE_OF_ROLE = {"item": "items", "user": "users", "context": "events"}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory, wheel_cache):
    root = tmp_path_factory.mktemp("prepared")
    complete_journey.prepare(root / "complete_journey", households=20, cache_dir=wheel_cache)
    movielens.prepare(root / "movielens", cache_dir=wheel_cache)
    return root


def columns_of(dataset, table) -> list[str]:
    """The columns of the written table that the pipeline reads; the grocer's price, say, is none of them."""
    read = {column.source for column in contract_of(table, config_lib.load(dataset)).columns}
    return [name for name in DATASETS[dataset].SCHEMAS[table].names if name in read]


def schema_of(dataset, table):
    folder = pathlib.Path(config_lib.load(dataset).schema_dir)
    return tfdv.load_schema_text(str(folder / f"{table}.pbtxt"))


def anomalies(frame, dataset, table):
    statistics = tfdv.generate_statistics_from_dataframe(frame[columns_of(dataset, table)])
    return tfdv.validate_statistics(statistics, schema_of(dataset, table)).anomaly_info


@pytest.mark.parametrize(("dataset", "table"), TABLES)
def test_the_schema_describes_the_columns_that_are_written_and_read(dataset, table):
    described = {feature.name: feature.type for feature in schema_of(dataset, table).feature}
    written = DATASETS[dataset].SCHEMAS[table]
    assert described == {name: TYPES[written.field(name).type] for name in columns_of(dataset, table)}


@pytest.mark.parametrize("dataset", DATASETS)
def test_the_configuration_declares_columns_that_are_written(dataset):
    config, schemas = config_lib.load(dataset), DATASETS[dataset].SCHEMAS
    for feature in config.features:
        written = schemas[TABLE_OF_ROLE[feature.role]].field(feature.name)
        assert (written.type == pa.float32()) == (feature.kind == "numeric"), feature.name
    for head in config.model.heads:
        assert head.column is None or head.column in schemas["events"].names


@pytest.mark.parametrize(("dataset", "table"), TABLES)
def test_prepared_tables_have_no_anomalies(prepared, dataset, table):
    assert not anomalies(pd.read_parquet(prepared / dataset / table), dataset, table)


@pytest.mark.parametrize(
    ("dataset", "table", "column", "value"),
    [
        ("complete_journey", "events", "timestamp", 1_483_253_606_000),  # milliseconds
        ("complete_journey", "events", "event", "refund"),
        ("complete_journey", "events", "quantity", 0.0),
        ("complete_journey", "events", "value", -1.0),
        ("complete_journey", "events", "user_id", None),
        ("complete_journey", "items", "brand", "national"),
        ("complete_journey", "items", "available", 2),
        ("complete_journey", "items", "title", None),
        ("complete_journey", "users", "age", "200"),
        ("movielens", "events", "value", 6.0),
        ("movielens", "items", "genre", "unknown"),
        ("movielens", "users", "gender", None),
    ],
)
def test_one_broken_value_is_an_anomaly(prepared, dataset, table, column, value):
    frame = pd.read_parquet(prepared / dataset / table)
    frame.loc[0, column] = value
    assert list(anomalies(frame, dataset, table)) == [column]


def test_a_store_that_takes_over_is_reported_as_drift(prepared):
    week, next_week = (pd.read_parquet(prepared / f"complete_journey/events/span-{n}") for n in (20, 21))
    next_week.loc[: len(next_week) // 2, "store_id"] = "1"
    before, after = (tfdv.generate_statistics_from_dataframe(frame) for frame in (week, next_week))
    schema = schema_of("complete_journey", "events")
    found = tfdv.validate_statistics(after, schema, previous_statistics=before).anomaly_info
    assert "store_id" in found
