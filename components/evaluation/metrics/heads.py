"""How well the ranker's heads predict: each metric a class that adds up over requests, as those of lists do.

All are taken over the candidates that the request examples carry: what answered the request, and the sample of what did
not that training draws as well (`components.request_examples.candidates`), so more of what the shopper took before and
of what is popular than a random draw from the catalogue would have.

Sampling raised the odds that a candidate answered. Losses and calibration of cross-entropy heads are therefore those of
the prediction with the log of these odds added to its logit, as in training: a head whose probabilities are right for
the whole catalogue is right for the sample then. The AUC is that of the prediction as it is served, which is what
orders a list, and counts each candidate that did not answer for all those that it was sampled from.
"""

import abc
from typing import Literal, NamedTuple

import numpy as np

CROSS_ENTROPY, SQUARED_ERROR = "cross_entropy", "squared_error"
NOT_COUNTED = (0.0, 0.0)
# What float32 probabilities can tell from 0 and from 1.
_LEAST, _LARGEST = 1e-30, 1 - 2.0**-24


class Head(NamedTuple):
    """One task of the ranker."""

    name: str
    loss: Literal["cross_entropy", "squared_error"]


class JudgedCandidates(NamedTuple):
    """The candidates of one request that have a label, float64 [num_candidates] each.

    `predictions` are as they are served; `log_odds` is by how much sampling raised the log odds of a positive label.
    """

    labels: np.ndarray
    predictions: np.ndarray
    log_odds: np.ndarray

    @property
    def logits(self) -> np.ndarray:
        """Of a cross-entropy head: log odds that a candidate of the sample answers, float64 [num_candidates]."""
        probability = np.clip(self.predictions, _LEAST, _LARGEST)
        return np.log(probability) - np.log1p(-probability) + self.log_odds

    @property
    def probabilities(self) -> np.ndarray:
        """Of a cross-entropy head: how likely a candidate of the sample answers, float64 [num_candidates]."""
        return np.exp(-np.logaddexp(0.0, -self.logits))


class HeadMetric(abc.ABC):
    """One metric of a head: `finish` of a ratio of two sums over requests."""

    base: str

    @abc.abstractmethod
    def of(self, candidates: JudgedCandidates) -> tuple[float, float]:
        """What a request adds to the numerator and to the denominator; `NOT_COUNTED` where it says nothing."""

    def finish(self, ratio: np.ndarray) -> np.ndarray:
        """The metric, from the ratios of sums."""
        return ratio


class Auc(HeadMetric):
    """How often an item that answered is predicted above one of the catalogue that did not; ties count half.

    Of one request, and averaged over requests: across them it would mostly tell active shoppers from others, which
    orders no list (the GAUC of Zhou et al., "Deep interest network for click-through rate prediction", KDD 2018). The
    candidates that did not answer are weighted by the odds of their sampling, inversely to their rate (Horvitz and
    Thompson, "A generalization of sampling without replacement from a finite universe", JASA 1952); those that did
    were all sampled at one rate.
    """

    base = "auc"

    def of(self, candidates: JudgedCandidates) -> tuple[float, float]:
        answered = candidates.labels > 0
        if answered.all() or not answered.any():
            return NOT_COUNTED
        _, place = np.unique(candidates.predictions, return_inverse=True)
        others = np.bincount(place, np.where(answered, 0.0, np.exp(candidates.log_odds)))
        below = np.cumsum(others) - others / 2
        return float(below[place[answered]].mean() / others.sum()), 1.0


class LogLoss(HeadMetric):
    """Mean cross-entropy of a candidate, in nats."""

    base = "log_loss"

    def of(self, candidates: JudgedCandidates) -> tuple[float, float]:
        logits = candidates.logits
        losses = np.logaddexp(0.0, logits) - candidates.labels * logits
        return float(losses.sum()), float(len(losses))


class Calibration(HeadMetric):
    """Sum of what was predicted over the sum of what happened; 1 is neither too much nor too little.

    After He et al., "Practical lessons from predicting clicks on ads at Facebook", ADKDD 2014.
    """

    base = "calibration"

    def __init__(self, loss: str):
        self._predicted = _probabilities if loss == CROSS_ENTROPY else _values

    def of(self, candidates: JudgedCandidates) -> tuple[float, float]:
        return float(self._predicted(candidates).sum()), float(candidates.labels.sum())


class Rmse(HeadMetric):
    """Root of the mean squared error of a candidate, in the unit of the label."""

    base = "rmse"

    def of(self, candidates: JudgedCandidates) -> tuple[float, float]:
        errors = candidates.predictions - candidates.labels
        return float(errors @ errors), float(len(errors))

    def finish(self, ratio: np.ndarray) -> np.ndarray:
        return np.sqrt(ratio)


class Mae(HeadMetric):
    """Mean absolute error of a candidate, in the unit of the label."""

    base = "mae"

    def of(self, candidates: JudgedCandidates) -> tuple[float, float]:
        errors = candidates.predictions - candidates.labels
        return float(np.abs(errors).sum()), float(len(errors))


def kinds(loss: str) -> list[HeadMetric]:
    """The metrics of a head of this loss."""
    if loss == CROSS_ENTROPY:
        return [Auc(), LogLoss(), Calibration(loss)]
    return [Rmse(), Mae(), Calibration(loss)]


def _probabilities(candidates: JudgedCandidates) -> np.ndarray:
    return candidates.probabilities


def _values(candidates: JudgedCandidates) -> np.ndarray:
    return candidates.predictions
