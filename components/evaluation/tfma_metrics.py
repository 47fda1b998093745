"""List metrics for TensorFlow Model Analysis, found by the Evaluator through `module` and `class_name`.

TFMA's own ranking metrics want one example a candidate; here one example is a whole request and a prediction a whole
list. One `ListMetrics` computes every value of a model: a preprocessor turns a request into one vector, once, and the
combiner only adds vectors, since TFMA repeats the combiner for every slice that a request belongs to. A further metric
over lists, such as catalogue coverage, is a further `Metric` class over `read_request` with a combiner of its own.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import apache_beam as beam
import numpy as np
from tensorflow_model_analysis.api import types
from tensorflow_model_analysis.metrics import metric_types
from tensorflow_model_analysis.utils.util import StandardExtracts

from components.evaluation import ranking_metrics

LABEL_KEY = "label_item_ids"
FIRST_TIME_KEY = "first_time_item_ids"
PAST_KEY = "past_item_ids"
PREDICTION_KEY = "item_ids"


class JudgedRequest(NamedTuple):
    """One request, what a model recommended for it and what the shopper then took; item ids as bytes."""

    recommended: list[bytes]  # best first
    relevant: list[bytes]
    first_time: list[bytes]
    past: list[bytes]


def _item_ids(name: str, value) -> list[bytes]:
    """Item ids of a TFMA value of one example, whose form depends on the other examples of its batch.

    A feature that no example of a batch has is absent or None, one that only this example lacks is empty or [None].
    """
    items = [] if value is None else [item for item in np.ravel(value).tolist() if item not in (None, b"")]
    if items and not isinstance(items[0], bytes):
        raise ValueError(
            f"'{name}' holds {type(items[0]).__name__} values; item ids are compared as bytes, write bytes"
        )
    return items


def read_request(extracts: types.Extracts, model_name: str) -> JudgedRequest:
    """Reads one example's extracts.

    Args:
        extracts: of one request, with features, labels and predictions.
        model_name: whose prediction to read; empty where a single model is evaluated.

    Raises:
        ValueError: the model's signature gives no `item_ids`, or item ids are not bytes.
    """
    extracts = StandardExtracts(extracts)
    predictions = extracts.get_predictions(model_name)
    if not isinstance(predictions, dict) or PREDICTION_KEY not in predictions:
        raise ValueError(
            f"model '{model_name or 'candidate'}' gives no output '{PREDICTION_KEY}' among several; "
            "export serving_default with item_ids, scores and reasons"
        )
    features = extracts.get_features()
    return JudgedRequest(
        recommended=_item_ids(PREDICTION_KEY, predictions[PREDICTION_KEY]),
        relevant=_item_ids(LABEL_KEY, extracts.get_labels(model_name)),
        first_time=_item_ids(FIRST_TIME_KEY, features.get(FIRST_TIME_KEY)),
        past=_item_ids(PAST_KEY, features.get(PAST_KEY)),
    )


def _summed_names(cutoffs: list[int]) -> list[str]:
    """What stands where in the vector that is summed over requests."""
    return ranking_metrics.count_names() + ranking_metrics.mean_names(cutoffs)


class _RequestVector(metric_types.Preprocessor):
    """Turns the extracts of a request into its vector of metrics, ordered by `_summed_names`."""

    def __init__(self, model_name: str, cutoffs: list[int]):
        super().__init__(name=f"request_vector_{model_name}")
        self._model_name = model_name
        self._cutoffs = cutoffs
        self._names = _summed_names(cutoffs)

    def process(self, extracts: types.Extracts) -> Iterator[np.ndarray]:
        metrics = ranking_metrics.request_metrics(*read_request(extracts, self._model_name), self._cutoffs)
        yield np.array([metrics.get(name, 0.0) for name in self._names])


class _MeanOverRequests(beam.CombineFn):
    """Adds the vectors of a slice and divides by the number of requests."""

    def __init__(self, model_name: str, cutoffs: list[int]):
        self._model_name = model_name
        self._cutoffs = cutoffs
        self._names = _summed_names(cutoffs)

    def create_accumulator(self) -> np.ndarray:
        return np.zeros(len(self._names))

    def add_input(self, accumulator: np.ndarray, element: np.ndarray) -> np.ndarray:
        return accumulator + element

    def merge_accumulators(self, accumulators: Iterable[np.ndarray]) -> np.ndarray:
        return sum(accumulators, start=self.create_accumulator())

    def extract_output(self, accumulator: np.ndarray) -> metric_types.MetricsDict:
        sums = dict(zip(self._names, accumulator.tolist(), strict=True))
        means = ranking_metrics.means(sums, self._cutoffs)
        return {_key(name, self._model_name): value for name, value in means.items()}


def _key(name: str, model_name: str) -> metric_types.MetricKey:
    # Thresholds of a MetricsSpec look metrics up with example_weighted unset, which is not MetricKey's default.
    return metric_types.MetricKey(name=name, model_name=model_name, example_weighted=None)


class ListMetrics(metric_types.Metric):
    """Every metric of `ranking_metrics` at each cutoff, macro-averaged over requests."""

    def __init__(self, cutoffs: list[int], name: str = "list_metrics"):
        """Creates the metric; TFMA calls this with the JSON `config` of a MetricConfig."""
        super().__init__(_computations, cutoffs=cutoffs, name=name)


def _computations(cutoffs: list[int], name: str, model_names: list[str]) -> metric_types.MetricComputations:
    del name  # the keys are named by what they measure
    return [
        metric_types.MetricComputation(
            keys=[_key(metric, model_name) for metric in _summed_names(cutoffs)],
            preprocessors=[_RequestVector(model_name, cutoffs)],
            combiner=_MeanOverRequests(model_name, cutoffs),
        )
        for model_name in model_names
    ]
