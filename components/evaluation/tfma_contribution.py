"""What one request adds to the slices that it belongs to, computed once for all of them."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from tensorflow_model_analysis.api import types
from tensorflow_model_analysis.metrics import metric_types

from components.evaluation.extracts import OF_LABELS_KEY, read_candidates, read_request
from components.evaluation.metrics import bootstrap, calibration, lists
from components.evaluation.metrics.catalogue import Catalogue
from components.evaluation.metrics.heads import JudgedCandidates
from components.evaluation.metrics.request import JudgedRequest
from components.evaluation.tfma_plan import Plan


class Contribution(NamedTuple):
    """What one request adds to every slice that it belongs to."""

    weights: np.ndarray  # of the shopper, uint8 [1 + resamples]
    vectors: np.ndarray  # float64 [models, len(layout)]
    bins: np.ndarray  # float64 [models, classifiers, bins, 3]
    shown: list[list[int]]  # the offered items that each model shows
    taken: list[int]  # the items that the shopper took


class Contribute(metric_types.Preprocessor):
    """Turns the extracts of a request into its contribution."""

    def __init__(self, plan: Plan):
        super().__init__(name="request_contribution")
        self._plan = plan

    def setup(self) -> None:
        plan = self._plan
        self._layout, self._catalogue = plan.layout(), plan.read_catalogue()
        self._properties = [kind(cutoff, self._catalogue) for kind, cutoff in lists.kinds(plan.selection)]

    def process(self, extracts: types.Extracts) -> Iterator[Contribution]:
        plan = self._plan
        requests = [read_request(extracts, name) for name in plan.model_names]
        if extracts.get(OF_LABELS_KEY):  # lists and predictions were judged with the request as a whole
            yield self._contribution(requests, [], [{}] * len(requests), None)
            return
        predicted = [
            read_candidates(extracts, name, plan.selection.heads, plan.predicting) for name in plan.model_names
        ]
        yield self._contribution(requests, self._properties, predicted, self._catalogue)

    def _contribution(
        self,
        requests: list[JudgedRequest],
        properties: list[lists.ListMetric],
        predicted: list[dict[str, JudgedCandidates]],
        catalogue: Catalogue | None,
    ) -> Contribution:
        return Contribution(
            bootstrap.weights(requests[0].user_id, self._plan.resamples),
            np.stack(
                [
                    self._layout.vector(request, properties, candidates)
                    for request, candidates in zip(requests, predicted, strict=True)
                ]
            ),
            np.stack([self._bins(candidates) for candidates in predicted]),
            [self._shown(request, catalogue) for request in requests],
            [] if catalogue is None else catalogue.positions(dict.fromkeys(requests[0].relevant)).tolist(),
        )

    def _bins(self, candidates: dict[str, JudgedCandidates]) -> np.ndarray:
        bins = np.zeros([len(self._plan.classifiers), *calibration.none().shape])
        for place, head in enumerate(self._plan.classifiers):
            if head.name in candidates:
                bins[place] = calibration.bins(candidates[head.name])
        return bins

    def _shown(self, request: JudgedRequest, catalogue: Catalogue | None) -> list[int]:
        if catalogue is None:
            return []
        shown = catalogue.positions(request.shown(self._plan.selection.cutoffs[0]))
        return shown[catalogue.offered[shown]].tolist()
