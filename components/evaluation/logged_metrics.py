"""Metrics of the log for TensorFlow Model Analysis, beside those of lists and in the same pass.

As in `tfma_metrics`, a preprocessor computes what a request adds and the combiner only adds, with the resamples of
shoppers side by side. Which metrics there are is known only when the request examples are there.
"""

import dataclasses
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import apache_beam as beam
import numpy as np
from tensorflow_model_analysis.api import types
from tensorflow_model_analysis.metrics import metric_types
from tensorflow_model_analysis.proto import config_pb2
from tensorflow_model_analysis.utils.util import StandardExtracts

from components.evaluation.extracts import OF_LABELS_KEY, ids
from components.evaluation.metrics import bootstrap, logged, names
from components.evaluation.metrics.logged_request import LoggedMetric, LoggedRequest


def read_logged(extracts: types.Extracts, model_name: str) -> LoggedRequest:
    """Reads one example's extracts: a model's list, and the features of `schemas.request_example.OUTCOME`.

    Args:
        extracts: of one request.
        model_name: whose list to read; empty where a single model is evaluated.
    """
    extracts = StandardExtracts(extracts)
    predictions, features = extracts.get_predictions(model_name), extracts.get_features()
    listed = np.ravel(predictions["item_ids"])
    is_item = listed != b""
    item_ids = ids("outcome_item_ids", features.get("outcome_item_ids"))

    def amounts(name: str) -> np.ndarray:
        found = _numbers(features.get(f"outcome_{name}"))
        return found if len(found) else np.zeros(len(item_ids))

    def number(name: str) -> float:
        return float(_numbers(features.get(name)).sum())

    return LoggedRequest(
        user_id=(*ids("user_id", features.get("user_id")), b"")[0],
        recommended=listed[is_item].tolist(),
        scores=np.ravel(predictions["scores"]).astype(np.float64)[is_item],
        item_ids=item_ids,
        **{name: amounts(name) for name in ("clicks", "conversions", "revenue", "dwell_seconds")},
        **{name: number(f"outcome_{name}") for name in ("sessions", "impressions", "interactions")},
        logged_item_ids=ids("logged_item_ids", features.get("logged_item_ids")),
        propensities=_numbers(features.get("logged_propensities")),
        rewards=_numbers(features.get("logged_rewards")),
        lists=number("logged_lists"),
    )


def _numbers(value) -> np.ndarray:
    """Numbers of a TFMA value, float64 [n]; what an example lacks is absent, None, empty or [None] (see `ids`)."""
    values = [] if value is None else [number for number in np.ravel(value).tolist() if number is not None]
    return np.array(values, np.float64)


@dataclasses.dataclass(frozen=True)
class _Plan:
    """What is measured of which models; every worker gets it."""

    model_names: list[str]
    baseline_name: str | None
    kinds: list[str]
    cutoffs: list[int]
    max_weight: float | None
    resamples: int

    def metrics(self) -> list[LoggedMetric]:
        return logged.metrics(self.kinds, self.cutoffs, self.max_weight)

    def output_names(self, model_name: str) -> list[str]:
        """Names of all that is measured of a model."""
        suffixes = ["", names.LOW, names.HIGH]
        if self.baseline_name not in (None, model_name):
            suffixes += [names.CHANGE + suffix for suffix in suffixes]
        return [metric.name + suffix for suffix in suffixes for metric in self.metrics()]


class _Contribution(NamedTuple):
    """What one request adds to every slice that it belongs to."""

    weights: np.ndarray  # of the shopper, uint8 [1 + resamples]
    terms: np.ndarray  # numerators and denominators, float64 [models, 2, metrics]


class _Contribute(metric_types.Preprocessor):
    """Turns the extracts of a request into its contribution."""

    def __init__(self, plan: _Plan):
        super().__init__(name="logged_contribution")
        self._plan = plan

    def setup(self) -> None:
        self._metrics = self._plan.metrics()

    def process(self, extracts: types.Extracts) -> Iterator[_Contribution]:
        requests = [read_logged(extracts, name) for name in self._plan.model_names]
        # A request that stands for some of its labels was counted as a whole.
        metrics = [] if extracts.get(OF_LABELS_KEY) else self._metrics
        terms = np.zeros([len(requests), len(self._metrics), 2])
        for place, metric in enumerate(metrics):
            terms[:, place] = [metric.of(request) for request in requests]
        yield _Contribution(bootstrap.weights(requests[0].user_id, self._plan.resamples), np.swapaxes(terms, 1, 2))


class _AddUp(beam.CombineFn):
    """Adds the contributions of a slice, float64 [1 + resamples, models, 2, metrics], and divides the sums."""

    def __init__(self, plan: _Plan):
        self._plan = plan
        self._metrics = plan.metrics()

    def create_accumulator(self) -> np.ndarray:
        return np.zeros([1 + self._plan.resamples, len(self._plan.model_names), 2, len(self._metrics)])

    def add_input(self, accumulator: np.ndarray, element: _Contribution) -> np.ndarray:
        accumulator += np.multiply.outer(element.weights, element.terms)
        return accumulator

    def merge_accumulators(self, accumulators: Iterable[np.ndarray]) -> np.ndarray:
        merged = self.create_accumulator()  # not the first of them, which Beam may merge again
        for accumulator in accumulators:
            merged += accumulator
        return merged

    def extract_output(self, accumulator: np.ndarray) -> metric_types.MetricsDict:
        plan, measured = self._plan, self._values(accumulator)
        baseline = plan.model_names.index(plan.baseline_name) if plan.baseline_name is not None else None
        result = {}
        for model, model_name in enumerate(plan.model_names):
            values = self._with_intervals(measured[:, model], "")
            if baseline not in (None, model):
                values |= self._with_intervals(measured[:, model] - measured[:, baseline], names.CHANGE)
            result |= {_key(name, model_name): value for name, value in values.items()}
        return result

    def _values(self, sums: np.ndarray) -> np.ndarray:
        """The metrics of the sample, [0], and of its resamples: [1 + resamples, models, metrics]."""
        numerators, denominators = sums[:, :, 0], sums[:, :, 1]
        missing = np.full(numerators.shape, np.nan)
        ratios = np.divide(numerators, denominators, out=missing, where=denominators > 0)
        finished = [
            metric.finish(ratios[..., place], numerators[..., place]) for place, metric in enumerate(self._metrics)
        ]
        return np.stack(finished, axis=-1)

    def _with_intervals(self, values: np.ndarray, suffix: str) -> dict[str, float]:
        low, high = bootstrap.interval(values[1:])
        return {
            metric.name + suffix + end: float(column[place])
            for end, column in (("", values[0]), (names.LOW, low), (names.HIGH, high))
            for place, metric in enumerate(self._metrics)
        }


def _key(name: str, model_name: str) -> metric_types.MetricKey:
    return metric_types.MetricKey(name=name, model_name=model_name, example_weighted=None)


class LoggedMetrics(metric_types.Metric):
    """All that `components.evaluation.metrics.logged` measures, with intervals."""

    def __init__(
        self,
        kinds: list[str],
        cutoffs: list[int],
        max_weight: float | None = None,
        resamples: int = 200,
        name: str = "logged_metrics",
    ):
        """Creates the metric; TFMA calls this with the JSON `config` of a MetricConfig.

        Args:
            kinds: of `metrics.logged.KINDS`, what the log has.
            cutoffs: list lengths to judge.
            max_weight: largest importance weight; None leaves them as they are.
            resamples: how many resamples of shoppers the intervals come from.
            name: TFMA's name of the whole.
        """
        super().__init__(
            _computations, kinds=kinds, cutoffs=cutoffs, max_weight=max_weight, resamples=resamples, name=name
        )


def with_kinds(eval_config: config_pb2.EvalConfig, counts: Mapping[str, int]) -> config_pb2.EvalConfig:
    """A copy of the configuration in which `LoggedMetrics` knows what the log has, and is left out if that is nothing.

    Args:
        eval_config: without kinds.
        counts: how much of each of `metrics.logged.KINDS` the log has.
    """
    kinds = [kind for kind in logged.KINDS if counts.get(kind)]
    known = config_pb2.EvalConfig()
    known.CopyFrom(eval_config)
    for spec in known.metrics_specs:
        for metric in [m for m in spec.metrics if (m.module, m.class_name) == (__name__, LoggedMetrics.__name__)]:
            settings = {**json.loads(metric.config), "kinds": kinds}
            metric.config = json.dumps(settings)
            if not logged.names(settings["cutoffs"], kinds):
                spec.metrics.remove(metric)
    return known


def _computations(
    kinds: list[str],
    cutoffs: list[int],
    max_weight: float | None,
    resamples: int,
    name: str,
    eval_config: config_pb2.EvalConfig,
    model_names: Sequence[str],
) -> metric_types.MetricComputations:
    del name  # the keys are named by what they measure
    baselines = [spec.name for spec in eval_config.model_specs if spec.is_baseline and spec.name in model_names]
    plan = _Plan(list(model_names), baselines[0] if baselines else None, kinds, cutoffs, max_weight, resamples)
    return [
        metric_types.MetricComputation(
            keys=[_key(name, model_name) for model_name in model_names for name in plan.output_names(model_name)],
            preprocessors=[_Contribute(plan)],
            combiner=_AddUp(plan),
        )
    ]
