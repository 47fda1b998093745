"""Bootstrap over shoppers, mergeable over workers.

A resample gives each shopper a Poisson(1) weight, which all requests of that shopper share, since they are not
independent (Chamandy et al., "Estimating uncertainty for massive data streams", Google 2012; Field and Welsh,
"Bootstrapping clustered data", JRSS B 2007). A weight is a hash of the shopper's id and the number of the resample, so
workers agree without talking, a run can be repeated, and two models are compared on the same resamples.
"""

import hashlib
import math

import numpy as np

_BITS = 16
# Poisson(1) values up to 7; a larger one is rarer than a hash of so many bits can tell.
_CUMULATIVE = np.cumsum([math.exp(-1) / math.factorial(value) for value in range(8)]) * (1 << _BITS)
_PERCENTILES = (2.5, 97.5)


def weights(user_id: bytes, resamples: int) -> np.ndarray:
    """A shopper's weights: 1 in the sample itself, then that in each resample; uint8 [1 + resamples]."""
    digest = hashlib.shake_128(user_id).digest(resamples * _BITS // 8)
    drawn = np.searchsorted(_CUMULATIVE, np.frombuffer(digest, f"<u{_BITS // 8}"), side="right")
    return np.concatenate([[1], drawn]).astype(np.uint8)


def interval(resampled: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The 95 % percentile interval of each metric.

    Args:
        resampled: a value for each resample and metric, [resamples, metrics]; NaN where a resample left out all that
            counts.

    Returns:
        `(low, high)`, [metrics] each. Both are NaN if any resample has no value: fewer than about six shoppers count,
        too few for an interval to mean anything.
    """
    low, high = np.percentile(resampled, _PERCENTILES, axis=0)
    return low, high
