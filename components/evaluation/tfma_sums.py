"""Adds the contributions of a slice up, and divides the sums."""

import collections
import dataclasses
from collections.abc import Iterable

import apache_beam as beam
import numpy as np
from tensorflow_model_analysis.metrics import metric_types
from tensorflow_model_analysis.proto import metrics_for_slice_pb2

from components.evaluation.metrics import bootstrap, calibration, exposure, names
from components.evaluation.tfma_contribution import Contribution
from components.evaluation.tfma_plan import Plan, key, plot


@dataclasses.dataclass
class Sums:
    """What the requests of a slice add up to."""

    vectors: np.ndarray  # float64 [1 + resamples, models, len(layout)]
    bins: np.ndarray  # float64 [models, classifiers, bins, 3]
    shown: list[collections.Counter[int]]  # how often each model shows each item
    taken: collections.Counter[int]  # how many requests took each item


class AddUp(beam.CombineFn):
    """Adds the contributions of a slice and divides the sums."""

    def __init__(self, plan: Plan):
        self._plan = plan
        self._layout = plan.layout()

    def create_accumulator(self) -> Sums:
        models = len(self._plan.model_names)
        vectors = np.zeros([1 + self._plan.resamples, models, len(self._layout)])
        bins = np.zeros([models, len(self._plan.classifiers), *calibration.none().shape])
        return Sums(vectors, bins, [collections.Counter() for _ in range(models)], collections.Counter())

    def add_input(self, accumulator: Sums, element: Contribution) -> Sums:
        accumulator.vectors += np.multiply.outer(element.weights, element.vectors)
        accumulator.bins += element.bins
        for counts, items in zip(accumulator.shown, element.shown, strict=True):
            counts.update(items)
        accumulator.taken.update(element.taken)
        return accumulator

    def merge_accumulators(self, accumulators: Iterable[Sums]) -> Sums:
        merged = self.create_accumulator()  # not the first of them, which Beam may merge again
        for accumulator in accumulators:
            merged.vectors += accumulator.vectors
            merged.bins += accumulator.bins
            for counts, more in zip(merged.shown, accumulator.shown, strict=True):
                counts.update(more)
            merged.taken.update(accumulator.taken)
        return merged

    def extract_output(self, accumulator: Sums) -> metric_types.MetricsDict:
        plan, measured = self._plan, self._layout.values(accumulator.vectors)
        plain = [
            self._exposure(counts, accumulator.taken) | self._calibration_errors(bins)
            for counts, bins in zip(accumulator.shown, accumulator.bins, strict=True)
        ]
        baseline = plan.model_names.index(plan.baseline_name) if plan.baseline_name is not None else None
        result = {}
        for model, model_name in enumerate(plan.model_names):
            requests = self._layout.requests(accumulator.vectors[0, model])
            values = dict(zip(self._layout.counts, requests.tolist(), strict=True))
            values |= self._with_intervals(measured[:, model], "") | plain[model]
            if baseline not in (None, model):
                values |= self._with_intervals(measured[:, model] - measured[:, baseline], names.CHANGE)
                values |= {name + names.CHANGE: value - plain[baseline][name] for name, value in plain[model].items()}
            result |= {key(name, model_name): value for name, value in values.items()}
            for head, bins in zip(plan.classifiers, accumulator.bins[model], strict=True):
                result[plot(head, model_name)] = _buckets(bins)
        return result

    def _with_intervals(self, values: np.ndarray, suffix: str) -> dict[str, float]:
        """Values of the sample, [0], with the intervals that the resamples, [1:], give them."""
        low, high = bootstrap.interval(values[1:])
        columns = {"": values[0], names.LOW: low, names.HIGH: high}
        return {
            name + suffix + end: value
            for end, column in columns.items()
            for name, value in zip(self._layout.metrics, column.tolist(), strict=True)
        }

    def _exposure(self, shown: collections.Counter[int], taken: collections.Counter[int]) -> dict[str, float]:
        catalogue = self._plan.read_catalogue()
        if catalogue is None:
            return {}
        values = exposure.exposure_metrics(shown.values(), int(catalogue.offered.sum()))
        for feature in self._plan.selection.exposure:
            groups = catalogue.groups[feature]
            found = exposure.group_metrics(_by_group(shown, groups), _by_group(taken, groups))
            values |= {f"{feature}/{base}": value for base, value in found.items()}
        return {f"{base}@{self._plan.selection.cutoffs[0]}": value for base, value in values.items()}

    def _calibration_errors(self, bins: np.ndarray) -> dict[str, float]:
        return {
            names.head_name(head, calibration.ERROR): calibration.error(of_head)
            for head, of_head in zip(self._plan.classifiers, bins, strict=True)
        }


def _by_group(counts: collections.Counter[int], groups: np.ndarray) -> np.ndarray:
    """Sums of what is counted by item, by the items' group: float64 [number of groups]."""
    items = np.fromiter(counts, np.int64, len(counts))
    return np.bincount(groups[items], list(counts.values()), groups.max(initial=0) + 1)


def _buckets(bins: np.ndarray) -> metrics_for_slice_pb2.CalibrationHistogramBuckets:
    """Calibration bins in TFMA's own form, which its notebooks plot."""
    buckets = metrics_for_slice_pb2.CalibrationHistogramBuckets()
    for place, (count, predicted, happened) in enumerate(bins.tolist()):
        buckets.buckets.add(
            lower_threshold_inclusive=place / len(bins),
            upper_threshold_exclusive=(place + 1) / len(bins),
            num_weighted_examples={"value": count},
            total_weighted_label={"value": happened},
            total_weighted_refined_prediction={"value": predicted},
        )
    return buckets
