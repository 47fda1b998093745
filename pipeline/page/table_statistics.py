"""Reads what ingestion, StatisticsGen and ExampleValidator wrote about a table."""

import pathlib
from collections.abc import Iterator

from tensorflow_metadata.proto.v0 import anomalies_pb2, statistics_pb2

from components.data_gate import report as gate_report
from components.table_gen.summary import SUMMARY_FILE, Summary
from pipeline.page.document import Column

STATISTICS_FILE = "FeatureStats.pb"
ANOMALIES_FILE = "SchemaDiff.pb"
_KINDS = {
    statistics_pb2.FeatureNameStatistics.INT: "integer",
    statistics_pb2.FeatureNameStatistics.FLOAT: "number",
}
_MOST_FREQUENT = 3


def read_columns(statistics_uri: str) -> list[Column]:
    """A table's columns by name.

    Args:
        statistics_uri: folder of an ExampleStatistics artefact of a single split.

    Raises:
        FileNotFoundError: the folder holds no statistics.
    """
    [path] = _files(statistics_uri, STATISTICS_FILE)
    [dataset] = statistics_pb2.DatasetFeatureStatisticsList.FromString(path.read_bytes()).datasets
    columns = [_column(feature, dataset.num_examples) for feature in dataset.features]
    return sorted(columns, key=lambda column: column.name)


def read_rows(examples_uri: str) -> Summary:
    """What became of a table's rows.

    Args:
        examples_uri: folder of the table as the pipeline ingested it.

    Raises:
        FileNotFoundError: the folder holds no summary.
    """
    return Summary.model_validate_json((pathlib.Path(examples_uri) / SUMMARY_FILE).read_text())


def read_findings(anomalies_uri: str, table: str) -> list[gate_report.Finding]:
    """What was found wrong with a table.

    Args:
        anomalies_uri: folder of an ExampleAnomalies artefact.
        table: the table's name.

    Raises:
        FileNotFoundError: the folder holds no anomalies, not even an empty list.
    """
    return list(_findings(anomalies_uri, table))


def _findings(anomalies_uri: str, table: str) -> Iterator[gate_report.Finding]:
    for path in _files(anomalies_uri, ANOMALIES_FILE):
        anomalies = anomalies_pb2.Anomalies.FromString(path.read_bytes())
        yield from gate_report.findings_in(anomalies, table, path.parent.name.removeprefix("Split-"))


def _files(uri: str, name: str) -> list[pathlib.Path]:
    files = sorted(pathlib.Path(uri).glob(f"Split-*/{name}"))
    if not files:
        raise FileNotFoundError(f"{uri} holds no {name}; run the pipeline again to write it")
    return files


def _column(feature: statistics_pb2.FeatureNameStatistics, num_rows: int) -> Column:
    name = ".".join(feature.path.step) or feature.name
    kind = _KINDS.get(feature.type, "text")
    if feature.WhichOneof("stats") == "num_stats":
        numbers = feature.num_stats
        return Column(
            name=name,
            kind=kind,
            missing_share=_missing_share(numbers.common_stats, num_rows),
            mean=numbers.mean,
            std_dev=numbers.std_dev,
            least=numbers.min,
            median=numbers.median,
            largest=numbers.max,
        )
    texts = feature.string_stats
    return Column(
        name=name,
        kind=kind,
        missing_share=_missing_share(texts.common_stats, num_rows),
        distinct=texts.unique,
        most_frequent=[(value.value, round(value.frequency)) for value in texts.top_values[:_MOST_FREQUENT]],
    )


def _missing_share(common: statistics_pb2.CommonStatistics, num_rows: int) -> float:
    return 1 - common.num_non_missing / num_rows if num_rows else 0.0
