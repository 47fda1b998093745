"""Reads what the Evaluator wrote: every slice's values, and the verdict with its reasons."""

import dataclasses

import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import metrics_for_slice_pb2

from components.evaluation import gate, verdict
from components.evaluation.slices import Slice, SliceMetrics
from components.evaluation.verdict import Check, Verdict


@dataclasses.dataclass(frozen=True)
class EvaluationReport:
    """What one run of the Evaluator found."""

    slices: list[SliceMetrics]  # all requests first, then by slice name
    verdict: Verdict

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
    return EvaluationReport(load_slices(evaluation_uri), found)


def load_slices(evaluation_uri: str) -> list[SliceMetrics]:
    """Reads the values that TFMA wrote: all requests first, then by slice name; nothing of an empty split."""
    slices = [_slice_metrics(metrics) for metrics in tfma.load_metrics(evaluation_uri)]
    return sorted(slices, key=lambda metrics: (len(metrics.slice), metrics.slice))


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
            values = baseline if entry.key.model_name == gate.BASELINE else candidate
            values[entry.key.name] = entry.value.double_value.value
    return SliceMetrics(_slice(metrics.slice_key), candidate, baseline)
