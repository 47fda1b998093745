"""Two runs are told apart by what they wrote, not by how it is spread over files."""

import pathlib

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from tensorflow_metadata.proto.v0 import statistics_pb2

from tools.flink import compare


@pytest.fixture
def folders(tmp_path):
    """Two empty folders."""
    pair = tmp_path / "left", tmp_path / "right"
    for folder in pair:
        folder.mkdir()
    return pair


def write_rows(folder: pathlib.Path, *files: list[dict]) -> None:
    for number, rows in enumerate(files):
        pq.write_table(pa.Table.from_pylist(rows), folder / f"rows-{number}.parquet")


def write_examples(folder: pathlib.Path, *files: list[dict]) -> None:
    for number, records in enumerate(files):
        with tf.io.TFRecordWriter(str(folder / f"examples-{number}.gz"), "GZIP") as writer:
            for record in records:
                writer.write(_example(record).SerializeToString())


def _example(record: dict) -> tf.train.Example:
    example = tf.train.Example()
    for name, values in record.items():
        feature = example.features.feature[name]
        kind = {float: feature.float_list, int: feature.int64_list, bytes: feature.bytes_list}[type(values[0])]
        kind.value.extend(values)
    return example


def write_statistics(folder: pathlib.Path, *features: str, **numbers: float) -> None:
    statistics = statistics_pb2.DatasetFeatureStatisticsList()
    dataset = statistics.datasets.add(num_examples=10)
    for name in features or ["price"]:
        feature = dataset.features.add()
        feature.path.step.append(name)
        for number, value in numbers.items():
            setattr(feature.num_stats, number, value)
    (folder / "FeatureStats.pb").write_bytes(statistics.SerializeToString())


A, B = {"user": "a", "price": 1.5}, {"user": "b", "price": None}


def test_rows_may_be_spread_over_files_in_any_order(folders):
    left, right = folders
    write_rows(left, [A, B, A])
    write_rows(right, [B], [A], [A])
    assert compare.tables("rows", left, right) == ("rows", "3 rows", None)


def test_a_file_without_rows_counts_for_none(folders):
    left, right = folders
    for folder in folders:
        pq.ParquetWriter(folder / "rows.parquet", pa.schema([("user", pa.string())])).close()
    assert compare.tables("quarantine", left, right) == ("quarantine", "0 rows", None)


def test_a_row_that_comes_once_more_is_a_difference(folders):
    left, right = folders
    write_rows(left, [A, B])
    write_rows(right, [A, A, B])
    assert compare.tables("rows", left, right).difference.startswith(
        "0 are only in the first and 1 only in the second, such as {'user': 'a', 'price': 1.5}"
    )


def test_examples_may_be_spread_over_files_in_any_order(folders):
    left, right = folders
    one, other = {"item": [b"x", b"y"], "price": [0.1, 0.2]}, {"item": [b"x", b"y"], "price": [0.3, 0.4]}
    write_examples(left, [one, other])
    write_examples(right, [other], [one])
    assert compare.examples("train", left, right) == ("train", "2 examples", None)


def test_the_order_of_values_in_an_example_counts(folders):
    left, right = folders
    write_examples(left, [{"item": [b"x", b"y"]}])
    write_examples(right, [{"item": [b"y", b"x"]}])
    assert "1 are only in the first and 1 only in the second" in compare.examples("train", left, right).difference


def test_floats_of_examples_are_equal_or_within_what_is_allowed(folders):
    left, right = folders
    write_examples(left, [{"item": [1], "z": [0.5]}])
    write_examples(right, [{"item": [1], "z": [0.500001]}])
    assert "floats of an example are" in compare.examples("train", left, right).difference
    assert compare.examples("train", left, right, tolerance=1e-5).difference is None
    assert compare.examples("train", left, right, tolerance=1e-7).difference is not None


def test_a_missing_number_is_like_another(folders):
    left, right = folders
    nan = float("nan")
    write_examples(left, [{"item": [1], "label": [nan, 1.0]}, {"item": [1], "label": [2.0, 1.0]}])
    write_examples(right, [{"item": [1], "label": [2.0, 1.0]}, {"item": [1], "label": [nan, 1.0]}])
    assert compare.examples("train", left, right).difference is None
    write_examples(right, [{"item": [1], "label": [2.0, 1.0]}, {"item": [1], "label": [0.0, 1.0]}])
    assert compare.examples("train", left, right).difference is not None


def test_counts_of_statistics_are_compared_exactly(folders):
    left, right = folders
    write_statistics(left, num_zeros=100_000)
    write_statistics(right, num_zeros=100_001)
    difference = compare.statistics("prices", left, right).difference
    assert difference == "price: num_stats.num_zeros is 100000 and 100001"


@pytest.mark.parametrize(
    ("field", "apart", "same"),
    [("mean", 1e-8, True), ("mean", 1e-4, False), ("median", 1e-4, True), ("median", 0.1, False), ("max", 1e-4, False)],
)
def test_a_sketch_may_differ_by_its_error_and_a_sum_by_its_rounding(folders, field, apart, same):
    left, right = folders
    write_statistics(left, **{field: 1.0})
    write_statistics(right, **{field: 1.0 + apart})
    assert (compare.statistics("prices", left, right).difference is None) is same


def test_features_may_be_described_in_any_order(folders):
    left, right = folders
    write_statistics(left, "price", "age", mean=1.0)
    write_statistics(right, "age", "price", mean=1.0)
    assert compare.statistics("prices", left, right) == ("prices", "3 values", None)


def test_a_feature_that_only_one_describes_is_a_difference(folders):
    left, right = folders
    write_statistics(left, mean=1.0)
    write_statistics(right, mean=1.0, max=2.0)
    difference = compare.statistics("prices", left, right).difference
    assert difference == "only the second has price: num_stats.max"


def test_files_are_compared_by_name_and_byte(folders):
    left, right = folders
    (left / "items").write_text("a\nb\n")
    (right / "items").write_text("a\nb\n")
    assert compare.files("vocabularies", left, right) == ("vocabularies", "1 files", None)
    (right / "items").write_text("b\na\n")
    assert compare.files("vocabularies", left, right).difference == "items differs"
    (right / "items").unlink()
    assert compare.files("vocabularies", left, right).difference == "items differs"
