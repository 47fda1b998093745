"""Holds statistics against other statistics by the comparators of a schema, with TensorFlow Data Validation."""

import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2, statistics_pb2

from components.drift import words
from components.drift.lengths import with_history_length

AnomalyInfo = anomalies_pb2.AnomalyInfo
Statistics = statistics_pb2.DatasetFeatureStatisticsList


def drift(
    newest: Statistics, before: Statistics, num_spans: int, schema: schema_pb2.Schema, min_rows: int
) -> anomalies_pb2.Anomalies:
    """Holds the newest span against the spans before it, by `drift_comparator` and `num_examples_drift_comparator`.

    Args:
        newest: statistics of the newest span.
        before: statistics of all spans before it together.
        num_spans: how many these are; the number of rows is compared with that of a mean span.
        schema: of the table.
        min_rows: fewer rows move by chance, so what is found in them is a warning.

    Returns:
        The findings of comparators alone, each with both values in its description; every measured distance in
        `drift_skew_info`.
    """
    rows_newest, rows_before = _rows(newest), _rows(before)
    if not (rows_newest and rows_before):
        return anomalies_pb2.Anomalies(baseline=schema)  # that there are no rows is a finding of the schema's own
    mean_span = Statistics.FromString(before.SerializeToString())
    mean_span.datasets[0].num_examples = round(rows_before / num_spans)
    found = tfdv.validate_statistics(newest, schema, previous_statistics=mean_span)
    told = words.Words(newest, before, "in the newest span", "before it")
    rows = f"The newest span has {rows_newest:,} rows and a mean span before it {rows_before / num_spans:,.0f}."
    few = min(rows_newest, rows_before) < min_rows
    return _of_comparators(found, told, "before", rows, few=few, few_in_all=rows_before / num_spans < min_rows)


def skew(
    training: Statistics, serving: Statistics, schema: schema_pb2.Schema, min_rows: int
) -> anomalies_pb2.Anomalies:
    """Holds the requests that train a model against those that it is served, by `skew_comparator`.

    The schema may describe a column `history_length`, which no request has: how many events its history holds.

    Args:
        training: statistics of the request examples, of the columns that the schema describes.
        serving: statistics of the logged requests.
        schema: of the requests.
        min_rows: fewer requests differ by chance, so what is found in them is a warning.

    Returns:
        As `drift`.
    """
    if not (_rows(training) and _rows(serving)):
        return anomalies_pb2.Anomalies(baseline=schema)
    training, serving = with_history_length(training), with_history_length(serving)
    found = tfdv.validate_statistics(training, schema, serving_statistics=serving)
    told = words.Words(training, serving, "in training", "in serving")
    few = min(_rows(training), _rows(serving)) < min_rows
    return _of_comparators(found, told, "in serving", "", few=few, few_in_all=few)


def _of_comparators(
    found: anomalies_pb2.Anomalies, told: words.Words, there: str, rows: str, *, few: bool, few_in_all: bool
) -> anomalies_pb2.Anomalies:
    """Leaves out what the schema alone finds, which ExampleValidator reports, and adds the values on both sides."""
    kept = anomalies_pb2.Anomalies(baseline=found.baseline, drift_skew_info=found.drift_skew_info)
    for key, info in found.anomaly_info.items():
        feature = ".".join(info.path.step) or key
        if reasons := [_reason(one, there, told.of(feature, one)) for one in _comparing(info)]:
            kept.anomaly_info[key].CopyFrom(_info(reasons, few))
            kept.anomaly_info[key].path.CopyFrom(info.path)
    of_rows = _comparing(found.dataset_anomaly_info)
    if reasons := [_reason(one, there, f"{rows} {words.plain(one.description)}") for one in of_rows]:
        kept.dataset_anomaly_info.CopyFrom(_info(reasons, few_in_all))
    return kept


def _comparing(info: AnomalyInfo) -> list[AnomalyInfo.Reason]:
    return [reason for reason in info.reason if AnomalyInfo.Type.Name(reason.type).startswith("COMPARATOR_")]


def _reason(found: AnomalyInfo.Reason, there: str, description: str) -> AnomalyInfo.Reason:
    return AnomalyInfo.Reason(type=found.type, short_description=words.title(found, there), description=description)


def _info(reasons: list[AnomalyInfo.Reason], few: bool) -> AnomalyInfo:
    """Reasons as one anomaly, a warning where the rows are too few to tell."""
    return AnomalyInfo(
        severity=AnomalyInfo.WARNING if few else AnomalyInfo.ERROR,
        short_description="; ".join(reason.short_description for reason in reasons),
        description=" ".join(reason.description for reason in reasons),
        reason=reasons,
    )


def _rows(statistics: Statistics) -> int:
    return statistics.datasets[0].num_examples if statistics.datasets else 0
