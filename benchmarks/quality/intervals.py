"""Means over users with 95 % bootstrap intervals: what another sample of users of the same shop might have given."""

import numpy as np
import pydantic
from scipy import stats

_RESAMPLES = 2_000


class Figure(pydantic.BaseModel):
    """A measured number; `interval` is None where users cannot be resampled, as for times and coverage."""

    value: float
    interval: tuple[float, float] | None = None


def mean(values: np.ndarray, seed: int) -> Figure:
    """The mean with its percentile bootstrap interval (Efron and Tibshirani, 1993).

    Args:
        values: one a user; for a paired comparison, one difference a user.
        seed: equal seeds give equal intervals.
    """
    if len(values) < 2:
        return Figure(value=float(np.mean(values)))
    result = stats.bootstrap(
        (values,), np.mean, n_resamples=_RESAMPLES, batch=100, method="percentile", rng=np.random.default_rng(seed)
    )
    low, high = result.confidence_interval
    return Figure(value=float(np.mean(values)), interval=(float(low), float(high)))
