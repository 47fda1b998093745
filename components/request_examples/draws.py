"""Random draws that depend on nothing but what they are drawn for.

A generator's stream would tie a request's candidates to the requests before it, so that they changed with the number of
shards or files. Here each draw is a hash of the seed, the request and a counter (Salmon et al., "Parallel random
numbers: as easy as 1, 2, 3", 2011), mixed by the finaliser of SplitMix64 (Steele, Lea and Flood, "Fast splittable
pseudorandom number generators", 2014).
"""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

_GOLDEN_GAMMA = np.uint64(0x9E3779B97F4A7C15)


def hashed(ids: pa.Array | pa.ChunkedArray, salt: str = "") -> np.ndarray:
    """A hash of each id that is the same in every process: uint64 [n]."""
    distinct = pc.unique(ids)
    hashes = pd.util.hash_array(distinct.to_numpy(zero_copy_only=False) + salt, categorize=False)
    return hashes[pc.index_in(ids, value_set=distinct).to_numpy()]


def _mix(values: np.ndarray) -> np.ndarray:
    """Spreads every bit of its input over all bits of its output: uint64 [n] to uint64 [n], one to one."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _with(state: np.ndarray, value: np.ndarray) -> np.ndarray:
    """The state of a longer key: uint64 [n]."""
    return _mix(state ^ _mix((value.astype(np.uint64) + np.uint64(1)) * _GOLDEN_GAMMA))


class Draws:
    """The random numbers of some requests.

    Args:
        shoppers: uint64 [num_requests], the hash of each request's shopper.
        time: int64 [num_requests], seconds.
        seed: another seed, other draws.
    """

    def __init__(self, shoppers: np.ndarray, time: np.ndarray, seed: int):
        self._keys = _with(_with(shoppers, np.array([seed])), time)

    def uniform(self, stream: int, request: np.ndarray, counter: np.ndarray) -> np.ndarray:
        """Uniform 64-bit integers, uint64 [n].

        Args:
            stream: draws of different streams are independent of each other.
            request: int64 [n], positions of requests.
            counter: int64 [n], which draw of the request; distinct counters of a request draw distinct numbers.
        """
        return _with(_with(self._keys, np.array([stream]))[request], counter)
