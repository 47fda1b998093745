"""Says of a distance between two statistics what it comes from: the values on both sides."""

import re

from tensorflow_metadata.proto.v0 import anomalies_pb2, statistics_pb2

_Type = anomalies_pb2.AnomalyInfo
_MOST_MOVED = re.compile(r"The feature value with maximum difference is: (.*)", re.DOTALL)  # as TFDV words it
_DISTANCE = re.compile(r" is ([\d.e-]*\d), above the threshold ([\d.e-]*\d)")
_MEASURES = {
    _Type.COMPARATOR_L_INFTY_HIGH: "largest change of a value's share (infinity norm)",
    _Type.COMPARATOR_JENSEN_SHANNON_DIVERGENCE_HIGH: "Jensen-Shannon divergence",
    _Type.COMPARATOR_NORMALIZED_ABSOLUTE_DIFFERENCE_HIGH: "normalized absolute difference",
}


class Words:
    """Describes findings between two statistics of the same columns.

    Args:
        statistics: those that are held against others.
        control: the others.
        here, there: where each of them is from, such as `in the newest span` and `before it`.
    """

    def __init__(
        self,
        statistics: statistics_pb2.DatasetFeatureStatisticsList,
        control: statistics_pb2.DatasetFeatureStatisticsList,
        here: str,
        there: str,
    ):
        self._sides = [(_by_name(statistics), here), (_by_name(control), there)]

    def of(self, name: str, reason: anomalies_pb2.AnomalyInfo.Reason) -> str:
        """A finding of a column: its distance, its tolerance, and what the column holds on both sides."""
        text = plain(reason.description)
        distance, moved = _DISTANCE.search(text), _MOST_MOVED.search(text)
        if reason.type not in _MEASURES or distance is None:
            return text
        told = f"The {_MEASURES[reason.type]} is {distance[1]}, the schema tolerates {distance[2]}."
        sides = [(features.get(name), where) for features, where in self._sides]
        if moved:
            value = moved[1].strip()
            return f"{told} '{value}' is {_and(f'{_share(feature, value):.1%} {where}' for feature, where in sides)}."
        if all(feature is not None and feature.HasField("num_stats") for feature, _ in sides):
            told += f" The median is {_and(f'{feature.num_stats.median:.6g} {where}' for feature, where in sides)};"
            told += f" the mean is {_and(f'{feature.num_stats.mean:.6g} {where}' for feature, where in sides)}."
        return told


def title(reason: anomalies_pb2.AnomalyInfo.Reason, there: str) -> str:
    """What was found, in a few words; `there` is with what a column was compared."""
    if reason.type == _Type.COMPARATOR_L_INFTY_HIGH:
        return f"The share of a value is too far from that {there}"
    if reason.type in _MEASURES:
        return f"The distribution is too far from that {there}"
    if reason.type == _Type.COMPARATOR_LOW_NUM_EXAMPLES:
        return f"Too few rows, compared with those {there}"
    if reason.type == _Type.COMPARATOR_HIGH_NUM_EXAMPLES:
        return f"Too many rows, compared with those {there}"
    return reason.short_description


def plain(description: str) -> str:
    """TFDV's description of a finding without its remark about digits."""
    return re.sub(r" ?\(up ?to six significant digits\)", "", description)


def _by_name(statistics: statistics_pb2.DatasetFeatureStatisticsList) -> dict:
    return {".".join(feature.path.step) or feature.name: feature for feature in statistics.datasets[0].features}


def _share(feature: statistics_pb2.FeatureNameStatistics | None, value: str) -> float:
    """Share of a value among those that the statistics name: all, or the most frequent thousand."""
    if feature is None:
        return 0.0
    buckets = feature.string_stats.rank_histogram.buckets
    total = sum(bucket.sample_count for bucket in buckets)
    return sum(bucket.sample_count for bucket in buckets if bucket.label == value) / total if total else 0.0


def _and(parts) -> str:
    return " and ".join(parts)
