"""The larger logs of the growth benchmark: the same households again, under ids of their own."""

import pathlib

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks import growth
from components.table_gen.layout import flatten, nest


def write(folder: pathlib.Path, rows: list[dict]) -> str:
    (folder / "Split-all").mkdir(parents=True)
    pq.write_table(nest(pa.Table.from_pylist(rows)), folder / "Split-all" / "rows.parquet")
    return str(folder)


def read(uri: str) -> list[dict]:
    return flatten(pq.read_table(f"{uri}/Split-all")).to_pylist()


def test_each_copy_has_shoppers_and_sessions_of_its_own_who_take_the_same_items(tmp_path):
    uris = {
        "events": write(tmp_path / "events", [{"user_id": "a", "session_id": "s", "item_id": "x", "timestamp": 7}]),
        "users": write(tmp_path / "users", [{"user_id": "a", "age": "old"}]),
        "items": write(tmp_path / "items", [{"item_id": "x"}]),
    }
    copied = growth.copy(uris, 3, str(tmp_path / "larger"))
    assert [(row["user_id"], row["session_id"]) for row in read(copied["events"])] == [
        ("a", "s"),
        ("a~1", "s~1"),
        ("a~2", "s~2"),
    ]
    assert {(row["item_id"], row["timestamp"]) for row in read(copied["events"])} == {("x", 7)}
    assert [(row["user_id"], row["age"]) for row in read(copied["users"])] == [
        ("a", "old"),
        ("a~1", "old"),
        ("a~2", "old"),
    ]
    assert copied["items"] == uris["items"]


def test_the_table_relates_time_to_the_events():
    runs = {
        1: growth.Measured(events=1_000_000, requests=10, seconds=5.0, peaks={"the process": 2**20}),
        10: growth.Measured(events=10_000_000, requests=100, seconds=40.0, peaks={"the process": 3 * 2**20}),
    }
    table = growth.shown("direct", runs)
    assert [list(column.cells) for column in table.columns] == [
        ["1", "10"],
        ["1,000,000", "10,000,000"],
        ["10", "100"],
        ["5.0", "40.0"],
        ["5.0", "4.0"],
        ["1 MiB", "3 MiB"],
    ]
