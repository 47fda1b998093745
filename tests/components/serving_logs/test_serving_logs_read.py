"""Logged requests as the shop's server wrote them, and as the pipeline reads them."""

import datetime
import math

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.serving_logs.contract import RequestContract
from components.serving_logs.read import LogError, read
from pipeline import config as config_lib

CONTRACT = RequestContract.of(config_lib.load("complete_journey"))


@pytest.fixture
def read_back(tmp_path):
    """Writes columns as a log and reads it as rows, with the contract of the grocer."""

    def run(columns: dict) -> list[dict]:
        path = tmp_path / "log.parquet"
        pq.write_table(pa.table(columns), path)
        return [row for table in read(str(path), CONTRACT) for row in table.to_pylist()]

    return run


def test_the_columns_are_those_that_the_signatures_take():
    from models.settings import TransformSettings
    from schemas import signatures

    for shop in ("complete_journey", "movielens"):
        config = config_lib.load(shop)
        wanted = signatures.request_inputs(TransformSettings.of(config))
        assert set(RequestContract.of(config).names) == set(wanted)


def test_a_request_is_read_as_it_was_asked(read_back):
    noon = datetime.datetime(2021, 3, 4, 12, tzinfo=datetime.UTC)
    rows = read_back(
        {
            "user_id": ["u1"],
            "history_item_ids": [["i1", "i2"]],
            "history_timestamps": [[10, 20]],
            "history_events": [["purchase", "purchase"]],
            "scene": ["store"],
            "timestamp": pa.array([noon], pa.timestamp("us", "UTC")),
            "context_store_id": [31742],
            "k": [10],
        }
    )
    assert rows == [
        {
            "user_id": ["u1"],
            "history_item_ids": ["i1", "i2"],
            "history_timestamps": [10, 20],
            "history_events": ["purchase", "purchase"],
            "scene": ["store"],
            "timestamp": [int(noon.timestamp())],
            "context_store_id": ["31742"],
        }
    ]


def test_what_the_signatures_take_for_missing_is_missing(read_back):
    first, second = read_back(
        {
            "user_id": ["", None],
            "history_item_ids": [["", "i1", ""], None],
            "history_timestamps": [[0, 10, 0], []],
            "history_events": [["", "purchase", ""], None],
            "timestamp": [1, 2],
        }
    )
    assert (first["user_id"], first["scene"], first["context_store_id"]) == (None, None, None)
    assert (first["history_item_ids"], first["history_timestamps"]) == (["i1"], [10])
    assert (second["user_id"], second["history_item_ids"], second["timestamp"]) == (None, None, [2])


def test_a_number_that_is_none_is_missing(tmp_path, make_numeric_contract):
    path = tmp_path / "log.parquet"
    pq.write_table(pa.table({"context_basket": [math.nan, 0.0]}), path)
    [table] = read(str(path), make_numeric_contract)
    assert table["context_basket"].to_pylist() == [None, [0.0]]


@pytest.fixture
def make_numeric_contract():
    from components.serving_logs.contract import RequestColumn

    return RequestContract(columns=(RequestColumn(name="context_basket", kind="number"),))


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"history_item_ids": ["i1"]}, "'history_item_ids' holds string; it takes lists of strings"),
        ({"timestamp": [1.5]}, "'timestamp' holds double; it takes timestamps"),
        ({"scene": [["store"]]}, "'scene' holds list<"),
        (
            {"history_item_ids": [["i1"], ["i1", "i2"]], "history_timestamps": [[1], [1]]},
            "log.parquet, row 1: 2 history_item_ids and 1 history_timestamps",
        ),
    ],
)
def test_what_is_no_request_is_refused_with_file_and_column(read_back, columns, message):
    with pytest.raises(LogError) as caught:
        read_back(columns)
    assert message in str(caught.value)


def test_a_file_that_is_no_parquet_is_named(tmp_path):
    (tmp_path / "log.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(LogError, match=r"log\.parquet is no readable Parquet file"):
        list(read(str(tmp_path / "log.parquet"), CONTRACT))
