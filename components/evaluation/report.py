"""Reads what the Evaluator wrote: every slice's values, and the verdict with its reasons."""

import dataclasses
import os
from typing import NamedTuple

import tensorflow as tf
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis import constants
from tensorflow_model_analysis.proto import metrics_for_slice_pb2

from components.evaluation import outcome_counts, verdict
from components.evaluation.model_names import BASELINE
from components.evaluation.slices import Slice, SliceMetrics
from components.evaluation.verdict import Check, Verdict


class CalibrationBin(NamedTuple):
    """Candidates whose probability of an answer a head predicts in one range.

    Attributes:
        count: how many.
        predicted: the sum of their probabilities.
        happened: how many answered.
    """

    count: float
    predicted: float
    happened: float


class HeadCalibration(NamedTuple):
    """What a cross-entropy head of the candidate predicts beside what happens, over all requests, by probability."""

    head: str
    bins: list[CalibrationBin]  # of equal width


@dataclasses.dataclass(frozen=True)
class EvaluationReport:
    """What one run of the Evaluator found."""

    slices: list[SliceMetrics]  # all requests first, then by slice name
    verdict: Verdict
    calibration: list[HeadCalibration] = dataclasses.field(default_factory=list)
    outcomes: dict[str, int] = dataclasses.field(default_factory=dict)  # how much of what the log has

    @property
    def blessed(self) -> bool:
        """Whether the candidate may be pushed."""
        return self.verdict.blessed

    @property
    def refusals(self) -> list[Check]:
        """The gates that the candidate missed; empty when blessed."""
        return self.verdict.refusals

    @property
    def undecided(self) -> list[Check]:
        """The gates that the requests were too few, or too different, for."""
        return self.verdict.undecided


def load_results(evaluation_uri: str) -> EvaluationReport:
    """Reads an Evaluator's output.

    Args:
        evaluation_uri: folder of a ModelEvaluation artefact.

    Raises:
        FileNotFoundError: the folder holds no finished evaluation.
    """
    found = verdict.load(evaluation_uri)
    return EvaluationReport(
        load_slices(evaluation_uri), found, load_calibration(evaluation_uri), outcome_counts.load(evaluation_uri)
    )


def load_slices(evaluation_uri: str) -> list[SliceMetrics]:
    """Reads the values that TFMA wrote: all requests first, then by slice name; nothing of an empty split."""
    slices = [_slice_metrics(metrics) for metrics in tfma.load_metrics(evaluation_uri)]
    return sorted(slices, key=lambda metrics: (len(metrics.slice), metrics.slice))


def load_calibration(evaluation_uri: str) -> list[HeadCalibration]:
    """Reads the calibration that TFMA wrote; nothing where no head predicted."""
    if not tf.io.gfile.glob(os.path.join(evaluation_uri, f"{constants.PLOTS_KEY}*")):
        return []  # an evaluation that measured no heads
    found = []
    for plots in tfma.load_plots(evaluation_uri):
        if not plots.slice_key.single_slice_keys:
            for entry in plots.plot_keys_and_values:
                bins = [
                    CalibrationBin(
                        bucket.num_weighted_examples.value,
                        bucket.total_weighted_refined_prediction.value,
                        bucket.total_weighted_label.value,
                    )
                    for bucket in entry.value.calibration_histogram_buckets.buckets
                ]
                if entry.key.model_name != BASELINE and any(each.count for each in bins):
                    found.append(HeadCalibration(entry.key.name, bins))
    return sorted(found)


def _slice(key: metrics_for_slice_pb2.SliceKey) -> Slice:
    pairs = []
    for single in key.single_slice_keys:
        value = getattr(single, single.WhichOneof("kind"))
        pairs.append((single.column, value.decode() if isinstance(value, bytes) else str(value)))
    return tuple(pairs)


def _slice_metrics(metrics: metrics_for_slice_pb2.MetricsForSlice) -> SliceMetrics:
    candidate, baseline = {}, {}
    for entry in metrics.metric_keys_and_values:
        if not entry.key.is_diff:  # those of the metrics come with intervals
            values = baseline if entry.key.model_name == BASELINE else candidate
            values[entry.key.name] = entry.value.double_value.value
    return SliceMetrics(_slice(metrics.slice_key), candidate, baseline)
