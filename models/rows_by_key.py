"""Embeddings whose rows are known by keys, carried from one vocabulary to another."""

import numpy as np
import pydantic


class Carried(pydantic.BaseModel):
    """How many rows of an embedding were kept, are new, and have left."""

    kept: int
    new: int
    gone: int

    def __str__(self) -> str:
        return f"{self.kept:,} rows kept, {self.new:,} new, {self.gone:,} gone"


def carry_over(
    fresh: np.ndarray, keys: np.ndarray, old: np.ndarray, old_keys: np.ndarray
) -> tuple[np.ndarray, Carried]:
    """Rows of an earlier embedding in the places that their keys have now.

    Args:
        fresh: as initialised, [num_rows, dim].
        keys: what its rows stand for, bytes [at least num_rows], each once; further keys have no row.
        old: of the earlier model, [num_old_rows, dim].
        old_keys: likewise.

    Returns:
        [num_rows, dim]: the old row of every key that had one, the fresh row of every other; and the counts.

    Example:
        >>> before, now = np.array([b"a", b"b"]), np.array([b"b", b"c"])
        >>> values, counts = carry_over(np.zeros([2, 1]), now, np.ones([2, 1]), before)
        >>> values.tolist(), str(counts)
        ([[1.0], [0.0]], '1 rows kept, 1 new, 1 gone')
    """
    place = {key: row for row, key in enumerate(old_keys[: len(old)].tolist())}
    source = np.array([place.get(key, -1) for key in keys[: len(fresh)].tolist()], np.int64)
    known = source >= 0
    values = fresh.copy()
    values[known] = old[source[known]]
    kept = int(known.sum())
    return values, Carried(kept=kept, new=len(fresh) - kept, gone=len(old) - kept)
