"""One request as metrics of the log see it, and what such a metric is."""

import abc
import itertools
from typing import NamedTuple

import numpy as np


class LoggedRequest(NamedTuple):
    """A model's list, and what the request came to (`components.request_examples.outcomes`); ids as bytes.

    Attributes:
        user_id: who asked.
        recommended: the model's list, best first.
        scores: the model's of each of them, float64.
        item_ids: the items that the shopper did something with.
        clicks: how often each of them was clicked, float64, as are all that follow.
        conversions: how often it was bought.
        revenue: what was paid for it.
        dwell_seconds: how long it was looked at.
        sessions: how many sessions these are.
        impressions: how many items were shown.
        interactions: how many events there were besides impressions and conversions.
        logged_item_ids: what was shown with a known propensity.
        propensities: how likely each of them was to be shown.
        rewards: 1 if showing it led to what it should, else 0.
        lists: how many lists they were shown in.
    """

    user_id: bytes
    recommended: list[bytes]
    scores: np.ndarray
    item_ids: list[bytes]
    clicks: np.ndarray
    conversions: np.ndarray
    revenue: np.ndarray
    dwell_seconds: np.ndarray
    sessions: float
    impressions: float
    interactions: float
    logged_item_ids: list[bytes]
    propensities: np.ndarray
    rewards: np.ndarray
    lists: float

    def shown(self, length: int) -> dict[bytes, float]:
        """The first `length` distinct items of the list with their scores, fewer if it is shorter."""
        scored: dict[bytes, float] = {}
        for item, score in zip(self.recommended, self.scores.tolist(), strict=True):
            scored.setdefault(item, score)
        return dict(itertools.islice(scored.items(), length))

    def total(self, kind: str) -> float:
        """All of the request's clicks, say, or its sessions."""
        return float(np.sum(getattr(self, kind)))


class LoggedMetric(abc.ABC):
    """A ratio of two sums over requests, so that slices and resamples of shoppers can be added up in any order."""

    name: str

    @abc.abstractmethod
    def of(self, request: LoggedRequest) -> tuple[float, float]:
        """What a request adds to the numerator and to the denominator; two zeros where it says nothing."""

    def finish(self, ratio: np.ndarray, numerator: np.ndarray) -> np.ndarray:
        """The metric, from ratios of sums and their numerators."""
        del numerator
        return ratio
