"""Properties of lists, whether or not they are right: each a class that adds up over requests.

A metric is a ratio of two sums over requests, so that slices and resamples of shoppers can be added up in any order:
`of` gives what one request adds to each. Unless said otherwise the ratio is a mean over requests. All but
`RepeatShare` leave out of account the items that the catalogue lacks.
"""

import abc
from collections.abc import Sequence

import numpy as np

from components.evaluation.metrics.catalogue import Catalogue
from components.evaluation.metrics.request import JudgedRequest
from components.evaluation.metrics.selection import Selection

NOT_COUNTED = (0.0, 0.0)


class ListMetric(abc.ABC):
    """One metric of lists cut after `cutoff` places."""

    base: str

    def __init__(self, cutoff: int, catalogue: Catalogue | None):
        """Creates the metric; `RepeatShare` alone can do without a catalogue."""
        self.name = f"{self.base}@{cutoff}"
        self._cutoff, self._catalogue = cutoff, catalogue

    @abc.abstractmethod
    def of(self, request: JudgedRequest) -> tuple[float, float]:
        """What a request adds to the numerator and to the denominator; `NOT_COUNTED` where it says nothing."""

    def _shown(self, request: JudgedRequest) -> np.ndarray:
        return self._catalogue.positions(request.shown(self._cutoff))


class RepeatShare(ListMetric):
    """Share of the shown items that the shopper had taken before."""

    base = "repeat_share"

    def of(self, request: JudgedRequest) -> tuple[float, float]:
        past = set(request.past)
        return _mean([item in past for item in request.shown(self._cutoff)])


class AvailableShare(ListMetric):
    """Share of the shown items that the shop offers; an item which the catalogue lacks is not offered."""

    base = "available_share"

    def of(self, request: JudgedRequest) -> tuple[float, float]:
        shown = request.shown(self._cutoff)
        if not shown:
            return NOT_COUNTED
        return float(self._catalogue.offered[self._catalogue.positions(shown)].sum()) / len(shown), 1.0


class RareShare(ListMetric):
    """Share of the shown items that are rare (see `Catalogue`): their exposure."""

    base = "rare_share"

    def of(self, request: JudgedRequest) -> tuple[float, float]:
        return _mean(self._catalogue.rare[self._shown(request)])


class RareRecall(ListMetric):
    """Of the rare items that the shopper took, the share in the list; requests that took none say nothing."""

    base = "rare_recall"

    def of(self, request: JudgedRequest) -> tuple[float, float]:
        taken = self._catalogue.positions(set(request.relevant))
        return _mean(np.isin(taken[self._catalogue.rare[taken]], self._shown(request)))


class Novelty(ListMetric):
    """Mean information of the shown items, in bits.

    Zhou et al., "Solving the apparent diversity-accuracy dilemma of recommender systems", PNAS 2010.
    """

    base = "novelty"

    def of(self, request: JudgedRequest) -> tuple[float, float]:
        return _mean(self._catalogue.information[self._shown(request)])


class PopularityLift(ListMetric):
    """Popularity of what is shown over that of what is then taken, each averaged by request; 1 is as the shoppers are.

    After Abdollahpouri et al., "The unfairness of popularity bias in recommendation", RMSE workshop 2019, whose group
    average popularity this compares.
    """

    base = "popularity_lift"

    def of(self, request: JudgedRequest) -> tuple[float, float]:
        shown, taken = self._shown(request), self._catalogue.positions(set(request.relevant))
        if not len(shown) or not len(taken):
            return NOT_COUNTED
        popularity = self._catalogue.popularity
        return float(popularity[shown].mean()), float(popularity[taken].mean())


class CategoryDiversity(ListMetric):
    """Share of the pairs of shown items that are of different categories.

    1 - the intra-list similarity of Ziegler et al., "Improving recommendation lists through topic diversification",
    WWW 2005, for items that are alike only if their category is the same. A list of one item has no pair.
    """

    base = "category_diversity"

    def of(self, request: JudgedRequest) -> tuple[float, float]:
        categories = self._catalogue.categories[self._shown(request)]
        if len(categories) < 2:
            return NOT_COUNTED
        sizes = np.unique(categories, return_counts=True)[1]
        alike = (sizes * (sizes - 1)).sum() / (len(categories) * (len(categories) - 1))
        return 1.0 - float(alike), 1.0


class EmbeddingDiversity(ListMetric):
    """1 - the mean cosine of the pairs of shown items, by their embeddings; a list of one item has no pair.

    Ziegler et al., as for `CategoryDiversity`, with the likeness that the candidate's item tower sees. Whichever model
    made a list, the candidate's embeddings judge it, since those of two models are not of one space.
    """

    base = "embedding_diversity"

    def of(self, request: JudgedRequest) -> tuple[float, float]:
        vectors = self._catalogue.embeddings[self._shown(request)].astype(np.float64)
        count = len(vectors)
        if count < 2:
            return NOT_COUNTED
        total = vectors.sum(axis=0)
        return 1.0 - float(total @ total - np.square(vectors).sum()) / (count * (count - 1)), 1.0


class Miscalibration(ListMetric):
    """How far the list's mix of categories is from that of what the shopper took before; 0 is the same mix.

    Steck, "Calibrated recommendations", RecSys 2018: the Kullback-Leibler divergence KL(p || (1 - a) q + a p) with p
    the shares of the past and q those of the list, in nats, and a = 0.01.
    """

    base = "miscalibration"
    _SMOOTHING = 0.01

    def of(self, request: JudgedRequest) -> tuple[float, float]:
        shown, past = self._shown(request), self._catalogue.positions(set(request.past))
        if not len(shown) or not len(past):
            return NOT_COUNTED
        categories = self._catalogue.categories
        liked, counts = np.unique(categories[past], return_counts=True)
        p = counts / len(past)
        q = (categories[shown][:, np.newaxis] == liked).sum(axis=0) / len(shown)
        return float((p * np.log(p / ((1 - self._SMOOTHING) * q + self._SMOOTHING * p))).sum()), 1.0


_OF_SHOWN_ITEMS = (AvailableShare, RareShare, Novelty, PopularityLift)
_OF_CATEGORIES = (CategoryDiversity, Miscalibration)


def kinds(selection: Selection) -> list[tuple[type[ListMetric], int]]:
    """The metrics of lists that can be told, each with its cutoff: rare recall at all, the others at the first."""
    first = selection.cutoffs[0]
    found: list[tuple[type[ListMetric], int]] = [(RepeatShare, first)]
    if selection.has_catalogue:
        found += [(RareRecall, cutoff) for cutoff in selection.cutoffs]
        found += [(kind, first) for kind in _OF_SHOWN_ITEMS]
        found += [(kind, first) for kind in _OF_CATEGORIES if selection.has_category]
        found += [(EmbeddingDiversity, first)] if selection.has_embeddings else []
    return found


def _mean(values: Sequence[float] | np.ndarray) -> tuple[float, float]:
    """The mean of a list's values, for one request; a list without any says nothing."""
    return (float(np.mean(values)), 1.0) if len(values) else NOT_COUNTED
