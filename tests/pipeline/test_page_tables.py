"""What the page says of the tables, from the protocol buffers that TFX's components write."""

import json
import pathlib
import shutil

import numpy as np
import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import anomalies_pb2, statistics_pb2

from components.data_gate.report import Finding
from pipeline.page import column_plots, comparisons, table_statistics
from pipeline.page.document import Bin, Column, Split


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
        histogram = numbers.histograms.add(type=statistics_pb2.Histogram.QUANTILES)
        histogram.buckets.add(low_value=0.5, high_value=3.0, sample_count=6)
        histogram.buckets.add(low_value=3.0, high_value=9.0, sample_count=2)
    path = tmp_path / "Split-all" / table_statistics.STATISTICS_FILE
    path.parent.mkdir()
    path.write_bytes(statistics.SerializeToString())
    return str(tmp_path)


def test_columns_are_described_by_their_kind_in_the_order_of_their_names(statistics_uri):
    numbers = {"mean": 3.5, "std_dev": 1.5, "least": 0.5, "median": 3.0, "largest": 9.0}
    numbers["quantiles"] = [Bin(low=0.5, high=3.0, share=0.75), Bin(low=3.0, high=9.0, share=0.25)]
    values = [("b", 2), ("a", 1), ("c", 1), ("d", 1)]
    columns = [
        Column(name="count", kind="integer", missing_share=0.0, **numbers),
        Column(name="price", kind="number", missing_share=0.5, **numbers),
        Column(name="store", kind="text", missing_share=0.5, distinct=4, most_frequent=values),
    ]
    assert table_statistics.read_splits(statistics_uri) == [Split(name="all", num_rows=10, columns=columns)]


def test_the_newest_span_comes_before_those_before_it(statistics_uri):
    folder = pathlib.Path(statistics_uri)
    shutil.copytree(folder / "Split-all", folder / "Split-before")
    (folder / "Split-all").rename(folder / "Split-newest")
    splits = table_statistics.read_splits(statistics_uri, ["newest", "before"])
    assert [split.name for split in splits] == ["newest", "before"]


def test_distances_stand_beside_what_the_schema_tolerates():
    text = """
    baseline {
      feature { name: "store" drift_comparator { infinity_norm { threshold: 0.1 } } }
      feature { name: "price" drift_comparator { jensen_shannon_divergence { threshold: 0.2 } } }
      feature { name: "user_id" }
      dataset_constraints { num_examples_drift_comparator { min_fraction_threshold: 0.5 } }
    }
    drift_skew_info { path { step: "store" } drift_measurements { type: L_INFTY value: 0.25 threshold: 0.1 } }
    """
    anomalies = text_format.Parse(text, anomalies_pb2.Anomalies())
    store, price = comparisons.of_columns(anomalies, "drift_comparator")
    assert (store.feature, store.value, store.most, store.exceeded) == ("store", 0.25, 0.1, True)
    assert (price.feature, price.value, price.most, price.exceeded) == ("price", None, 0.2, False)

    newest, before = Split(name="newest", num_rows=40, columns=[]), Split(name="before", num_rows=300, columns=[])
    [rows] = comparisons.of_rows(anomalies.baseline, newest, before, 3)
    assert (rows.value, rows.least, rows.most, rows.exceeded) == (0.4, 0.5, None, True)


def test_quantiles_are_spread_over_bars():
    quantiles = [Bin(low=0, high=2, share=0.5), Bin(low=3, high=3, share=0.25), Bin(low=3, high=7, share=0.25)]
    # half of the first in each of the first two bars; all that is 3 or more in the last, which ends at 4
    assert column_plots.spread(quantiles, np.arange(5)).tolist() == [0.25, 0.25, 0.0, 0.5]


def test_anomalies_are_told_with_their_table_and_split(tmp_path):
    anomalies = anomalies_pb2.Anomalies()
    info = anomalies.anomaly_info["store"]
    info.severity = anomalies_pb2.AnomalyInfo.WARNING
    info.short_description, info.description = "New values", "s9 is not in the domain"
    path = tmp_path / "Split-all" / table_statistics.ANOMALIES_FILE
    path.parent.mkdir()
    path.write_bytes(anomalies.SerializeToString())
    found = table_statistics.read_findings(str(tmp_path), "events")
    assert found == [Finding("events", "all", "store", "warning", "New values", "s9 is not in the domain.")]


def test_rejected_rows_are_counted_by_reason(tmp_path):
    counts = {"table": "events", "span": 4, "read": 10, "accepted": 8, "rejected": {"item_id: is missing": 2}}
    (tmp_path / "summary.json").write_text(json.dumps(counts))
    rows = table_statistics.read_rows(str(tmp_path))
    assert (rows.accepted, rows.num_rejected) == (8, 2)


@pytest.mark.parametrize("read", [table_statistics.read_splits, lambda uri: table_statistics.read_findings(uri, "t")])
def test_a_folder_that_holds_nothing_is_named(tmp_path, read):
    with pytest.raises(FileNotFoundError, match=str(tmp_path)):
        read(str(tmp_path))
