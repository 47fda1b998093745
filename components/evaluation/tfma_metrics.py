"""List metrics for TensorFlow Model Analysis, found by the Evaluator through `module` and `class_name`.

TFMA's own ranking metrics want one example a candidate; here one example is a whole request and a prediction a whole
list. TFMA repeats a combiner for every slice that a request belongs to, so a preprocessor computes all that a request
adds, for all models, once, and the combiner only adds. It adds up the sample and its resamples of shoppers side by
side, which gives every value an interval, and the change against the baseline one that is paired.
"""

import collections
import dataclasses
import json
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import apache_beam as beam
import numpy as np
from tensorflow_model_analysis.api import types
from tensorflow_model_analysis.metrics import metric_types
from tensorflow_model_analysis.proto import config_pb2
from tensorflow_model_analysis.utils.util import StandardExtracts

from components.evaluation.metrics import bootstrap, catalogue_files, exposure, lists, names
from components.evaluation.metrics.catalogue import Catalogue
from components.evaluation.metrics.request import JudgedRequest
from components.evaluation.metrics.sums import Layout

USER_KEY = "user_id"
LABEL_KEY = "label_item_ids"
FIRST_TIME_KEY = "first_time_item_ids"
PAST_KEY = "past_item_ids"
PREDICTION_KEY = "item_ids"


def _ids(name: str, value) -> list[bytes]:
    """Ids of a TFMA value of one example, whose form depends on the other examples of its batch.

    A feature that no example of a batch has is absent or None, one that only this example lacks is empty or [None].
    """
    items = [] if value is None else [item for item in np.ravel(value).tolist() if item not in (None, b"")]
    if items and not isinstance(items[0], bytes):
        raise ValueError(f"'{name}' holds {type(items[0]).__name__} values; ids are compared as bytes, write bytes")
    return items


def read_request(extracts: types.Extracts, model_name: str) -> JudgedRequest:
    """Reads one example's extracts.

    Args:
        extracts: of one request, with features, labels and predictions.
        model_name: whose prediction to read; empty where a single model is evaluated.

    Raises:
        ValueError: the model's signature gives no `item_ids`, or ids are not bytes.
    """
    extracts = StandardExtracts(extracts)
    predictions = extracts.get_predictions(model_name)
    if not isinstance(predictions, dict) or PREDICTION_KEY not in predictions:
        raise ValueError(
            f"model '{model_name or 'candidate'}' gives no output '{PREDICTION_KEY}' among several; "
            "export serving_default with item_ids, scores and reasons"
        )
    features = extracts.get_features()
    user_id = _ids(USER_KEY, features.get(USER_KEY))
    return JudgedRequest(
        user_id=user_id[0] if user_id else b"",
        recommended=_ids(PREDICTION_KEY, predictions[PREDICTION_KEY]),
        relevant=_ids(LABEL_KEY, extracts.get_labels(model_name)),
        first_time=_ids(FIRST_TIME_KEY, features.get(FIRST_TIME_KEY)),
        past=_ids(PAST_KEY, features.get(PAST_KEY)),
    )


@dataclasses.dataclass(frozen=True)
class _Plan:
    """What is measured of which models; every worker gets it."""

    model_names: list[str]
    baseline_name: str | None
    cutoffs: list[int]
    resamples: int
    catalogue: str | None
    category: str | None

    def layout(self) -> Layout:
        return Layout(self.cutoffs, self.catalogue is not None, self.category is not None)

    def read_catalogue(self) -> Catalogue | None:
        return None if self.catalogue is None else catalogue_files.read(self.catalogue, self.category)

    def output_names(self, model_name: str) -> list[str]:
        """Names of all that is measured of a model."""
        layout, exposures = self.layout(), names.exposure_names(self.cutoffs) if self.catalogue else []
        values = [name + suffix for name in layout.metrics for suffix in ("", names.LOW, names.HIGH)] + exposures
        if self.baseline_name in (None, model_name):
            return layout.counts + values
        changes = [name + names.CHANGE + suffix for name in layout.metrics for suffix in ("", names.LOW, names.HIGH)]
        return layout.counts + values + changes + [name + names.CHANGE for name in exposures]


class _Contribution(NamedTuple):
    """What one request adds to every slice that it belongs to."""

    weights: np.ndarray  # of the shopper, uint8 [1 + resamples]
    vectors: np.ndarray  # float64 [models, len(layout)]
    exposed: list[list[int]]  # the offered items that each model shows


class _Contribute(metric_types.Preprocessor):
    """Turns the extracts of a request into its contribution."""

    def __init__(self, plan: _Plan):
        super().__init__(name="request_contribution")
        self._plan = plan

    def setup(self) -> None:
        plan = self._plan
        self._layout, self._catalogue = plan.layout(), plan.read_catalogue()
        kinds = lists.kinds(plan.cutoffs, plan.catalogue is not None, plan.category is not None)
        self._properties = [kind(cutoff, self._catalogue) for kind, cutoff in kinds]

    def process(self, extracts: types.Extracts) -> Iterator[_Contribution]:
        requests = [read_request(extracts, name) for name in self._plan.model_names]
        yield _Contribution(
            bootstrap.weights(requests[0].user_id, self._plan.resamples),
            np.stack([self._layout.vector(request, self._properties) for request in requests]),
            [self._exposed(request) for request in requests],
        )

    def _exposed(self, request: JudgedRequest) -> list[int]:
        if self._catalogue is None:
            return []
        shown = self._catalogue.positions(request.shown(self._plan.cutoffs[0]))
        return shown[self._catalogue.offered[shown]].tolist()


@dataclasses.dataclass
class _Sums:
    """What the requests of a slice add up to."""

    vectors: np.ndarray  # float64 [1 + resamples, models, len(layout)]
    exposures: list[collections.Counter[int]]  # how often each model shows each item


class _AddUp(beam.CombineFn):
    """Adds the contributions of a slice and divides the sums."""

    def __init__(self, plan: _Plan):
        self._plan = plan
        self._layout = plan.layout()

    def create_accumulator(self) -> _Sums:
        models = len(self._plan.model_names)
        vectors = np.zeros([1 + self._plan.resamples, models, len(self._layout)])
        return _Sums(vectors, [collections.Counter() for _ in range(models)])

    def add_input(self, accumulator: _Sums, element: _Contribution) -> _Sums:
        accumulator.vectors += np.multiply.outer(element.weights, element.vectors)
        for counts, items in zip(accumulator.exposures, element.exposed, strict=True):
            counts.update(items)
        return accumulator

    def merge_accumulators(self, accumulators: Iterable[_Sums]) -> _Sums:
        merged = self.create_accumulator()  # not the first of them, which Beam may merge again
        for accumulator in accumulators:
            merged.vectors += accumulator.vectors
            for counts, more in zip(merged.exposures, accumulator.exposures, strict=True):
                counts.update(more)
        return merged

    def extract_output(self, accumulator: _Sums) -> metric_types.MetricsDict:
        plan, measured = self._plan, self._layout.values(accumulator.vectors)
        exposures = [self._exposure(counts) for counts in accumulator.exposures]
        baseline = plan.model_names.index(plan.baseline_name) if plan.baseline_name is not None else None
        result = {}
        for model, model_name in enumerate(plan.model_names):
            requests = self._layout.requests(accumulator.vectors[0, model])
            values = dict(zip(self._layout.counts, requests.tolist(), strict=True))
            values |= self._with_intervals(measured[:, model], "") | exposures[model]
            if baseline not in (None, model):
                values |= self._with_intervals(measured[:, model] - measured[:, baseline], names.CHANGE)
                values |= {
                    name + names.CHANGE: value - exposures[baseline][name] for name, value in exposures[model].items()
                }
            result |= {_key(name, model_name): value for name, value in values.items()}
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

    def _exposure(self, counts: collections.Counter[int]) -> dict[str, float]:
        catalogue = self._plan.read_catalogue()
        if catalogue is None:
            return {}
        values = exposure.exposure_metrics(counts.values(), int(catalogue.offered.sum()))
        return {f"{base}@{self._plan.cutoffs[0]}": value for base, value in values.items()}


def _key(name: str, model_name: str) -> metric_types.MetricKey:
    # Thresholds of a MetricsSpec look metrics up with example_weighted unset, which is not MetricKey's default.
    return metric_types.MetricKey(name=name, model_name=model_name, example_weighted=None)


class ListMetrics(metric_types.Metric):
    """Everything that `components.evaluation.metrics` measures, with intervals."""

    def __init__(
        self,
        cutoffs: list[int],
        resamples: int = 200,
        catalogue: str | None = None,
        category: str | None = None,
        name: str = "list_metrics",
    ):
        """Creates the metric; TFMA calls this with the JSON `config` of a MetricConfig.

        Args:
            cutoffs: list lengths to judge; properties of lists are those of the first.
            resamples: how many resamples of shoppers the intervals come from.
            catalogue: file pattern of the request examples' split `catalog`; None leaves out what needs it.
            category: the item feature that categories are; None leaves out what needs one.
            name: TFMA's name of the whole.
        """
        super().__init__(
            _computations, cutoffs=cutoffs, resamples=resamples, catalogue=catalogue, category=category, name=name
        )


def with_catalogue(eval_config: config_pb2.EvalConfig, pattern: str) -> config_pb2.EvalConfig:
    """A copy of the configuration in which `ListMetrics` knows the catalogue, whose place is known only at run time."""
    located = config_pb2.EvalConfig()
    located.CopyFrom(eval_config)
    for spec in located.metrics_specs:
        for metric in spec.metrics:
            if (metric.module, metric.class_name) == (__name__, ListMetrics.__name__):
                metric.config = json.dumps({**json.loads(metric.config), "catalogue": pattern})
    return located


def _computations(
    cutoffs: list[int],
    resamples: int,
    catalogue: str | None,
    category: str | None,
    name: str,
    eval_config: config_pb2.EvalConfig,
    model_names: list[str],
) -> metric_types.MetricComputations:
    del name  # the keys are named by what they measure
    baselines = [spec.name for spec in eval_config.model_specs if spec.is_baseline and spec.name in model_names]
    plan = _Plan(model_names, baselines[0] if baselines else None, cutoffs, resamples, catalogue, category)
    return [
        metric_types.MetricComputation(
            keys=[_key(name, model_name) for model_name in model_names for name in plan.output_names(model_name)],
            preprocessors=[_Contribute(plan)],
            combiner=_AddUp(plan),
        )
    ]
