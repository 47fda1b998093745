import apache_beam as beam
import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from components.table_gen.contract import Column, Contract
from components.table_gen.unique import KeepFirst, shard_by_id, shards_for

CONTRACT = Contract(
    table="users",
    columns=(Column(name="user_id", source="user_id", kind="key"), Column(name="age", source="age", kind="number")),
    unique="user_id",
)


def rows(file: str, first_row: int, ids: list[str]):
    numbers = np.arange(first_row, first_row + len(ids))
    return file, numbers, pa.table({"user_id": ids, "age": [float(number) for number in numbers]})


def keep_first(*batches):
    """Returns the kept (user_id, age) and the rejected (file, row)."""
    kept, rejected = [], []
    for output in KeepFirst(CONTRACT).process((0, batches)):
        if isinstance(output, beam.pvalue.TaggedOutput):
            rejected += [(row["file"], row["row"]) for row in output.value.to_pylist()]
        else:
            kept += [tuple(row.values()) for row in output.to_pylist()]
    return kept, rejected


def test_first_means_by_file_and_row_in_whatever_order_the_batches_come():
    kept, rejected = keep_first(rows("b", 0, ["x", "y"]), rows("a", 10, ["x"]), rows("a", 2, ["x", "z"]))

    assert kept == [("x", 2.0), ("z", 3.0), ("y", 1.0)]
    assert rejected == [("a", 10), ("b", 0)]


@settings(max_examples=30, deadline=None)
@given(ids=st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=30), num_shards=st.integers(1, 4))
def test_sharding_loses_no_row_and_keeps_an_id_together(ids, num_shards):
    shards = list(shard_by_id(rows("a", 5, ids), "user_id", num_shards))

    places = [
        (number, value)
        for _, (_, numbers, table) in shards
        for number, value in zip(numbers, table["user_id"].to_pylist(), strict=True)
    ]
    assert sorted(places) == list(enumerate(ids, start=5))
    shards_of_id = {
        value: {shard for shard, (_, _, table) in shards if value in table["user_id"].to_pylist()} for value in ids
    }
    assert all(len(found) == 1 for found in shards_of_id.values())


def test_an_id_goes_to_the_same_shard_from_every_file():
    ((first, _),) = shard_by_id(rows("a", 0, ["x"]), "user_id", 1000)
    ((second, _),) = shard_by_id(rows("b", 7, ["x"]), "user_id", 1000)

    assert first == second


def test_a_larger_table_is_cut_into_more_shards():
    assert [shards_for(rows) for rows in (1, 99_999, 1_000_000)] == [1, 1, 11]
