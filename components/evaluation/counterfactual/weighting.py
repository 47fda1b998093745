"""What is done to importance weights before an estimator uses them: less variance for some bias."""

import abc
import dataclasses

import numpy as np


class Weighting(abc.ABC):
    """A function of weights, by value."""

    @abc.abstractmethod
    def __call__(self, weight: np.ndarray) -> np.ndarray:
        """The weights to use: float64 of the same shape."""


class Unchanged(Weighting):
    """The weights as they are: no bias."""

    def __call__(self, weight: np.ndarray) -> np.ndarray:
        return weight


@dataclasses.dataclass(frozen=True)
class Clipped(Weighting):
    """At most `limit` (Ionides, "Truncated importance sampling", 2008)."""

    limit: float

    def __call__(self, weight: np.ndarray) -> np.ndarray:
        return np.minimum(weight, self.limit)


@dataclasses.dataclass(frozen=True)
class Shrunk(Weighting):
    """l w / (w^2 + l): large weights shrink towards 0, all the more the smaller `strength` l is.

    The optimistic shrinkage of Su et al., "Doubly robust off-policy evaluation with shrinkage", ICML 2020.
    """

    strength: float

    def __call__(self, weight: np.ndarray) -> np.ndarray:
        return self.strength * weight / (weight**2 + self.strength)
