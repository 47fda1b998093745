"""Vectorised work on sorted arrays: many `[start, stop)` ranges, sets and look-ups at once, without a Python loop."""

import numpy as np


def expand(starts: np.ndarray, stops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Positions inside all ranges, one range after the other.

    Args:
        starts: int64 [n], first position of each range.
        stops: int64 [n], position behind the last, at least the start.

    Returns:
        `(owner, position)`, int64 [total] each: which range, and which position in the sorted array.

    Example:
        >>> expand(np.array([5, 0]), np.array([7, 1]))
        (array([0, 0, 1]), array([5, 6, 0]))
    """
    lengths = stops - starts
    owner = np.repeat(np.arange(len(starts)), lengths)
    first_of_owner = np.repeat(np.cumsum(lengths) - lengths, lengths)
    return owner, np.arange(len(owner)) - first_of_owner + np.repeat(starts, lengths)


def keep_at_most(owner: np.ndarray, priority: np.ndarray, limit: int) -> np.ndarray:
    """Positions of the `limit` entries of smallest priority of each owner, grouped by owner.

    Args:
        owner: int64 [n].
        priority: [n], any sortable values.
        limit: how many entries an owner may keep.
    """
    order = np.lexsort((priority, owner))
    sorted_owner = owner[order]
    first = np.searchsorted(sorted_owner, sorted_owner)
    return order[np.arange(len(order)) - first < limit]


def offsets(owner: np.ndarray, num_owners: int) -> np.ndarray:
    """Arrow list offsets, int32 [num_owners + 1], of entries grouped by ascending owner."""
    return np.searchsorted(owner, np.arange(num_owners + 1)).astype(np.int32)


def distinct(values: np.ndarray) -> np.ndarray:
    """The distinct values, ascending; by sorting, which beats `np.unique`'s hashing tenfold on millions of integers."""
    values = np.sort(values)
    return values[np.concatenate([[True], values[1:] != values[:-1]])] if len(values) else values


def find(sorted_keys: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Looks values up in a non-empty ascending array: `(place, found)`; where not found, the place is any valid one."""
    place = np.minimum(np.searchsorted(sorted_keys, values), len(sorted_keys) - 1)
    return place, sorted_keys[place] == values
