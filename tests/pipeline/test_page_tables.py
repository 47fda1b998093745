"""What the page says of the tables, from the protocol buffers that TFX's components write."""

import json

import pytest
from tensorflow_metadata.proto.v0 import anomalies_pb2, statistics_pb2

from components.data_gate.report import Finding
from pipeline.page import table_statistics
from pipeline.page.document import Column


@pytest.fixture
def statistics_uri(tmp_path):
    """Statistics of ten rows: `price`, which five lack, `count`, and `store`, which five lack."""
    statistics = statistics_pb2.DatasetFeatureStatisticsList()
    dataset = statistics.datasets.add(num_examples=10)
    store = dataset.features.add(type=statistics_pb2.FeatureNameStatistics.STRING)
    store.path.step.append("store")
    store.string_stats.unique = 4
    store.string_stats.common_stats.num_non_missing = 5
    for value, frequency in (("b", 2.0), ("a", 1.0), ("c", 1.0), ("d", 1.0)):
        store.string_stats.top_values.add(value=value, frequency=frequency)
    for name, kind in (("price", "FLOAT"), ("count", "INT")):
        feature = dataset.features.add(type=statistics_pb2.FeatureNameStatistics.Type.Value(kind))
        feature.path.step.append(name)
        numbers = feature.num_stats
        numbers.mean, numbers.std_dev, numbers.min, numbers.median, numbers.max = 3.5, 1.5, 0.5, 3.0, 9.0
        numbers.common_stats.num_non_missing = 5 if name == "price" else 10
    path = tmp_path / "Split-all" / table_statistics.STATISTICS_FILE
    path.parent.mkdir()
    path.write_bytes(statistics.SerializeToString())
    return str(tmp_path)


def test_columns_are_described_by_their_kind_in_the_order_of_their_names(statistics_uri):
    numbers = {"mean": 3.5, "std_dev": 1.5, "least": 0.5, "median": 3.0, "largest": 9.0}
    assert table_statistics.read_columns(statistics_uri) == [
        Column(name="count", kind="integer", missing_share=0.0, **numbers),
        Column(name="price", kind="number", missing_share=0.5, **numbers),
        Column(name="store", kind="text", missing_share=0.5, distinct=4, most_frequent=[("b", 2), ("a", 1), ("c", 1)]),
    ]


def test_anomalies_are_told_with_their_table_and_split(tmp_path):
    anomalies = anomalies_pb2.Anomalies()
    info = anomalies.anomaly_info["store"]
    info.severity = anomalies_pb2.AnomalyInfo.WARNING
    info.short_description, info.description = "New values", "s9 is not in the domain"
    path = tmp_path / "Split-all" / table_statistics.ANOMALIES_FILE
    path.parent.mkdir()
    path.write_bytes(anomalies.SerializeToString())
    found = table_statistics.read_findings(str(tmp_path), "events")
    assert found == [Finding("events", "all", "store", "warning", "New values", "s9 is not in the domain")]


def test_rejected_rows_are_counted_by_reason(tmp_path):
    counts = {"table": "events", "span": 4, "read": 10, "accepted": 8, "rejected": {"item_id: is missing": 2}}
    (tmp_path / "summary.json").write_text(json.dumps(counts))
    rows = table_statistics.read_rows(str(tmp_path))
    assert (rows.accepted, rows.num_rejected) == (8, 2)


@pytest.mark.parametrize("read", [table_statistics.read_columns, lambda uri: table_statistics.read_findings(uri, "t")])
def test_a_folder_that_holds_nothing_is_named(tmp_path, read):
    with pytest.raises(FileNotFoundError, match=str(tmp_path)):
        read(str(tmp_path))
