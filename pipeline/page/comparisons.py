"""Distances between two parts of the data beside what the schema tolerates, from what the validators wrote."""

from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2

from components.data_gate.report import WHOLE_TABLE
from pipeline.page.document import Comparison, Split

_Measurement = anomalies_pb2.DriftSkewInfo.Measurement
_MEASURES = {
    "infinity_norm": (_Measurement.L_INFTY, "largest change of a value's share"),
    "jensen_shannon_divergence": (_Measurement.JENSEN_SHANNON_DIVERGENCE, "Jensen-Shannon divergence"),
    "normalized_abs_difference": (_Measurement.NORMALIZED_ABSOLUTE_DIFFERENCE, "normalized absolute difference"),
}


def of_columns(anomalies: anomalies_pb2.Anomalies, comparator: str) -> list[Comparison]:
    """Every comparator of the schema with the distance that was measured.

    Args:
        anomalies: of a comparison; holds the distances and the schema.
        comparator: `drift_comparator` or `skew_comparator`.
    """
    measured = {}
    for info in anomalies.drift_skew_info:
        for one in (*info.drift_measurements, *info.skew_measurements):
            measured[".".join(info.path.step), one.type] = one.value
    return [
        Comparison(
            feature=feature.name,
            measure=words,
            value=measured.get((feature.name, kind)),
            most=getattr(getattr(feature, comparator), field).threshold,
        )
        for feature in anomalies.baseline.feature
        if feature.HasField(comparator)
        for field, (kind, words) in _MEASURES.items()
        if getattr(feature, comparator).HasField(field)
    ]


def of_rows(schema: schema_pb2.Schema, newest: Split, before: Split, num_spans: int) -> list[Comparison]:
    """The rows of the newest span to those of a mean span before it, where the schema limits them.

    Args:
        schema: of the table.
        newest: the newest span.
        before: the spans before it.
        num_spans: how many these are.
    """
    constraints = schema.dataset_constraints
    if not constraints.HasField("num_examples_drift_comparator") or not before.num_rows:
        return []
    limits = constraints.num_examples_drift_comparator
    return [
        Comparison(
            feature=WHOLE_TABLE,
            measure="rows to those of a mean span",
            value=newest.num_rows / (before.num_rows / num_spans),
            least=limits.min_fraction_threshold if limits.HasField("min_fraction_threshold") else None,
            most=limits.max_fraction_threshold if limits.HasField("max_fraction_threshold") else None,
        )
    ]
