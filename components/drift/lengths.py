"""How long histories are, as a column of its own: comparators see values alone, not how many of them there are."""

from tensorflow_metadata.proto.v0 import statistics_pb2

HISTORY, LENGTH = "history_item_ids", "history_length"


def with_history_length(
    statistics: statistics_pb2.DatasetFeatureStatisticsList,
) -> statistics_pb2.DatasetFeatureStatisticsList:
    """Statistics with a column `history_length`, of the requests whose history is not empty.

    Args:
        statistics: of requests.

    Returns:
        A copy; its numbers are those that TFDV keeps of the number of values of `history_item_ids`.
    """
    copy = statistics_pb2.DatasetFeatureStatisticsList.FromString(statistics.SerializeToString())
    dataset = copy.datasets[0]
    history = next((one for one in dataset.features if list(one.path.step) == [HISTORY]), None)
    if history is None:
        return copy
    common = history.string_stats.common_stats
    lengths = dataset.features.add(type=statistics_pb2.FeatureNameStatistics.INT)
    lengths.path.step.append(LENGTH)
    numbers = lengths.num_stats
    numbers.common_stats.num_non_missing = common.num_non_missing
    numbers.common_stats.num_missing = common.num_missing
    numbers.common_stats.min_num_values = numbers.common_stats.max_num_values = 1
    numbers.common_stats.avg_num_values = 1
    numbers.common_stats.tot_num_values = common.num_non_missing
    numbers.min, numbers.max, numbers.mean = common.min_num_values, common.max_num_values, common.avg_num_values
    numbers.histograms.add().CopyFrom(common.num_values_histogram)
    numbers.median = _median(common.num_values_histogram)
    return copy


def _median(histogram: statistics_pb2.Histogram) -> float:
    """The value that half of the histogram's samples are below, as far as its ranges tell."""
    half = sum(bucket.sample_count for bucket in histogram.buckets) / 2
    for bucket in histogram.buckets:
        half -= bucket.sample_count
        if half <= 0:
            return bucket.high_value
    return 0.0
