"""The sums over requests that all metrics are ratios of, as one vector a request."""

from collections.abc import Sequence

import numpy as np

from components.evaluation import ranking_metrics
from components.evaluation.metrics import heads, names
from components.evaluation.metrics.heads import JudgedCandidates
from components.evaluation.metrics.lists import ListMetric
from components.evaluation.metrics.request import JudgedRequest
from components.evaluation.metrics.selection import Selection

_DENOMINATOR = "/denominator"


class Layout:
    """What stands where in a vector.

    Attributes:
        counts: names of the numbers of requests that `requests` gives, in its order.
        metrics: names of the metrics that `values` gives, in its order.
    """

    def __init__(self, selection: Selection):
        self._cutoffs = selection.cutoffs
        self.counts = ranking_metrics.count_names()
        self.metrics = names.ratio_names(selection)
        self._of_heads = {head.name: _named(head) for head in selection.heads}
        means = ranking_metrics.mean_names(selection.cutoffs)
        properties = self.metrics[len(means) :]
        columns = [*self.counts, *self.metrics, *(name + _DENOMINATOR for name in properties)]
        self._places = {name: place for place, name in enumerate(columns)}
        denominators = [_requests_of(name) for name in means] + [name + _DENOMINATOR for name in properties]
        self._numerators = [self._places[name] for name in self.metrics]
        self._denominators = [self._places[name] for name in denominators]
        finished = {name: kind.finish for of_head in self._of_heads.values() for name, kind in of_head.items()}
        self._finish = [(self.metrics.index(name), finish) for name, finish in finished.items()]

    def __len__(self) -> int:
        return len(self._places)

    def vector(
        self, request: JudgedRequest, properties: Sequence[ListMetric], predicted: dict[str, JudgedCandidates]
    ) -> np.ndarray:
        """What one request adds to the sums: float64 [len(self)]; `predicted` are its candidates by head."""
        vector = np.zeros(len(self))
        for name, value in ranking_metrics.request_metrics(
            request.recommended, request.relevant, request.first_time, request.past, self._cutoffs
        ).items():
            vector[self._places[name]] = value
        ratios = {metric.name: metric.of(request) for metric in properties}
        for head, candidates in predicted.items():
            ratios |= {name: kind.of(candidates) for name, kind in self._of_heads[head].items()}
        for name, (numerator, denominator) in ratios.items():
            vector[self._places[name]] = numerator
            vector[self._places[name + _DENOMINATOR]] = denominator
        return vector

    def requests(self, sums: np.ndarray) -> np.ndarray:
        """The numbers of requests, [..., len(counts)], of sums of vectors [..., len(self)]."""
        return sums[..., [self._places[name] for name in self.counts]]

    def values(self, sums: np.ndarray) -> np.ndarray:
        """The metrics, [..., len(metrics)], of sums of vectors [..., len(self)]; NaN where no request counts."""
        numerators, denominators = sums[..., self._numerators], sums[..., self._denominators]
        values = np.divide(numerators, denominators, out=np.full(numerators.shape, np.nan), where=denominators > 0)
        for place, finish in self._finish:
            values[..., place] = finish(values[..., place])
        return values


def _named(head: heads.Head) -> dict[str, heads.HeadMetric]:
    return {names.head_name(head, kind.base): kind for kind in heads.kinds(head.loss)}


def _requests_of(name: str) -> str:
    """The number of requests that a metric of `ranking_metrics` is a mean over."""
    group = ranking_metrics.FIRST_TIME if name.startswith(ranking_metrics.FIRST_TIME) else ""
    return group + ranking_metrics.REQUESTS
