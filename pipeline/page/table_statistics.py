"""Reads what ingestion, StatisticsGen and the validators wrote about a table."""

import pathlib
from collections.abc import Iterator, Mapping, Sequence

from tensorflow_metadata.proto.v0 import anomalies_pb2, statistics_pb2

from components.data_gate import report as gate_report
from components.table_gen.summary import SUMMARY_FILE, Summary
from pipeline.page.document import Bin, Column, Split

STATISTICS_FILE = "FeatureStats.pb"
ANOMALIES_FILE = "SchemaDiff.pb"
_KINDS = {
    statistics_pb2.FeatureNameStatistics.INT: "integer",
    statistics_pb2.FeatureNameStatistics.FLOAT: "number",
}
_TIMES = ("timestamp", "history_timestamps")  # seconds since 1970, of the data contract
_MOST_FREQUENT = 10
_FOLDER = "Split-"


def read_splits(statistics_uri: str, order: Sequence[str] = ()) -> list[Split]:
    """The parts of a table.

    Args:
        statistics_uri: folder of an ExampleStatistics artefact.
        order: names of splits that come first; the others follow by name.

    Raises:
        FileNotFoundError: the folder holds no statistics.
    """
    paths = {path.parent.name.removeprefix(_FOLDER): path for path in _files(statistics_uri, STATISTICS_FILE)}
    places = {name: place for place, name in enumerate(order)}
    names = sorted(paths, key=lambda name: (places.get(name, len(places)), name))
    return beside_first(
        [(name, statistics_pb2.DatasetFeatureStatisticsList.FromString(paths[name].read_bytes())) for name in names]
    )


def beside_first(parts: Sequence[tuple[str, statistics_pb2.DatasetFeatureStatisticsList]]) -> list[Split]:
    """Parts of a table by name; the later ones also tell of the values that are most frequent in the first."""
    splits: list[Split] = []
    for name, statistics in parts:
        [dataset] = statistics.datasets
        first = splits[0].columns if splits else []
        wanted = {column.name: [value for value, _ in column.most_frequent] for column in first}
        columns = [_column(feature, dataset.num_examples, wanted) for feature in dataset.features]
        columns.sort(key=lambda column: column.name)
        splits.append(Split(name=name, num_rows=dataset.num_examples, columns=columns))
    return splits


def read_rows(examples_uri: str) -> Summary:
    """What became of a table's rows.

    Args:
        examples_uri: folder of the table as the pipeline ingested it.

    Raises:
        FileNotFoundError: the folder holds no summary.
    """
    return Summary.model_validate_json((pathlib.Path(examples_uri) / SUMMARY_FILE).read_text())


def read_anomalies(anomalies_uri: str) -> Iterator[tuple[str, anomalies_pb2.Anomalies]]:
    """What a validator wrote, by split.

    Args:
        anomalies_uri: folder of an ExampleAnomalies artefact.

    Raises:
        FileNotFoundError: the folder holds no anomalies, not even an empty list.
    """
    for path in _files(anomalies_uri, ANOMALIES_FILE):
        yield path.parent.name.removeprefix(_FOLDER), anomalies_pb2.Anomalies.FromString(path.read_bytes())


def read_findings(anomalies_uri: str, table: str) -> list[gate_report.Finding]:
    """What was found wrong with a table; raises as `read_anomalies`."""
    return [
        finding
        for split, anomalies in read_anomalies(anomalies_uri)
        for finding in gate_report.findings_in(anomalies, table, split)
    ]


def _files(uri: str, name: str) -> list[pathlib.Path]:
    files = sorted(pathlib.Path(uri).glob(f"{_FOLDER}*/{name}"))
    if not files:
        raise FileNotFoundError(f"{uri} holds no {name}; run the pipeline again to write it")
    return files


def _column(
    feature: statistics_pb2.FeatureNameStatistics, num_rows: int, wanted: Mapping[str, Sequence[str]]
) -> Column:
    name = ".".join(feature.path.step) or feature.name
    if feature.WhichOneof("stats") == "num_stats":
        numbers = feature.num_stats
        return Column(
            name=name,
            kind="time" if name in _TIMES else _KINDS[feature.type],
            missing_share=_missing_share(numbers.common_stats, num_rows),
            mean=numbers.mean,
            std_dev=numbers.std_dev,
            least=numbers.min,
            median=numbers.median,
            largest=numbers.max,
            quantiles=_quantiles(numbers),
        )
    texts = feature.string_stats
    return Column(
        name=name,
        kind="text",
        missing_share=_missing_share(texts.common_stats, num_rows),
        distinct=texts.unique,
        most_frequent=_most_frequent(texts, wanted.get(name, ())),
    )


def _most_frequent(texts: statistics_pb2.StringStatistics, wanted: Sequence[str]) -> list[tuple[str, int]]:
    top = {value.value: round(value.frequency) for value in texts.top_values[:_MOST_FREQUENT]}
    buckets = texts.rank_histogram.buckets  # the most frequent thousand
    top |= {bucket.label: round(bucket.sample_count) for bucket in buckets if bucket.label in wanted}
    return sorted(top.items(), key=lambda one: -one[1])


def _quantiles(numbers: statistics_pb2.NumericStatistics) -> list[Bin]:
    for histogram in numbers.histograms:
        total = sum(bucket.sample_count for bucket in histogram.buckets)
        if histogram.type == statistics_pb2.Histogram.QUANTILES and total:
            return [
                Bin(low=bucket.low_value, high=bucket.high_value, share=bucket.sample_count / total)
                for bucket in histogram.buckets
            ]
    return []


def _missing_share(common: statistics_pb2.CommonStatistics, num_rows: int) -> float:
    return 1 - common.num_non_missing / num_rows if num_rows else 0.0
