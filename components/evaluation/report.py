"""Reads what the Evaluator wrote: every slice's values, the verdict and, for a refusal, its reasons."""

import dataclasses
import math

import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import metrics_for_slice_pb2, validation_result_pb2

from components.evaluation import gate, ranking_metrics

Slice = tuple[tuple[str, str], ...]


@dataclasses.dataclass(frozen=True)
class SliceMetrics:
    """Values of one slice by metric name; NaN where no request of the slice counts."""

    slice: Slice  # (feature, value) pairs; empty for all requests
    candidate: dict[str, float]
    baseline: dict[str, float]  # empty without a baseline


@dataclasses.dataclass(frozen=True)
class Refusal:
    """One threshold that the candidate missed.

    `value` is the metric for a floor, and the candidate's metric minus the baseline's for a change; `threshold` is the
    least value that would have passed.
    """

    slice: Slice
    metric: str
    is_change: bool
    value: float
    threshold: float

    def __str__(self) -> str:
        where = f"{self.metric} ({slice_name(self.slice)})"
        if math.isnan(self.value):
            return f"{where} has no value: no request counts for it"
        if self.is_change:
            return f"{where} changed by {self.value:+.4g} against the baseline; {self.threshold:+.4g} is the limit"
        return f"{where} is {self.value:.4g}, below its floor of {self.threshold:.4g}"


@dataclasses.dataclass(frozen=True)
class EvaluationReport:
    """What one run of the Evaluator found."""

    slices: list[SliceMetrics]  # all requests first, then by slice name
    blessed: bool
    refusals: list[Refusal]  # empty when blessed


def slice_name(key: Slice) -> str:
    """A slice as text, such as `shopper=new` or `overall`."""
    return ", ".join(f"{feature}={value}" for feature, value in key) or "overall"


def load_results(evaluation_uri: str) -> EvaluationReport:
    """Reads an Evaluator's output.

    Args:
        evaluation_uri: folder of a ModelEvaluation artefact.

    Raises:
        FileNotFoundError: the folder holds no finished evaluation.
    """
    try:
        validation = tfma.load_validation_result(evaluation_uri)
    except AssertionError:  # TFMA asserts that there is exactly one result
        raise FileNotFoundError(
            f"{evaluation_uri} holds no finished evaluation; give the folder that the Evaluator wrote, or run it again"
        ) from None
    slices = [_slice_metrics(metrics) for metrics in tfma.load_metrics(evaluation_uri)]
    refusals = [
        _refusal(_slice(validated.slice_key), failure)
        for validated in validation.metric_validations_per_slice
        for failure in validated.failures
    ]
    if not slices:  # without any request TFMA refuses, but writes neither a slice nor a failure
        refusals.append(Refusal((), ranking_metrics.REQUESTS, False, value=0.0, threshold=gate.MIN_REQUESTS))
    return EvaluationReport(
        slices=sorted(slices, key=lambda metrics: (len(metrics.slice), metrics.slice)),
        blessed=validation.validation_ok,
        refusals=refusals,
    )


def _slice(key: metrics_for_slice_pb2.SliceKey) -> Slice:
    pairs = []
    for single in key.single_slice_keys:
        value = getattr(single, single.WhichOneof("kind"))
        pairs.append((single.column, value.decode() if isinstance(value, bytes) else str(value)))
    return tuple(pairs)


def _slice_metrics(metrics: metrics_for_slice_pb2.MetricsForSlice) -> SliceMetrics:
    candidate, baseline = {}, {}
    for entry in metrics.metric_keys_and_values:
        if not entry.key.is_diff:
            values = baseline if entry.key.model_name == gate.BASELINE else candidate
            values[entry.key.name] = entry.value.double_value.value
    return SliceMetrics(_slice(metrics.slice_key), candidate, baseline)


def _refusal(key: Slice, failure: validation_result_pb2.ValidationFailure) -> Refusal:
    thresholds = failure.metric_threshold
    is_change = failure.metric_key.is_diff
    least = thresholds.change_threshold.absolute if is_change else thresholds.value_threshold.lower_bound
    return Refusal(
        slice=key,
        metric=failure.metric_key.name,
        is_change=is_change,
        value=failure.metric_value.double_value.value,
        threshold=least.value,
    )
