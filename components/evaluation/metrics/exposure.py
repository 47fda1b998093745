"""What only all lists together have: how shown places are spread over the items that the shop offers.

There is no bootstrap interval for these. A resample leaves out a third of the shoppers, and with them the items that
only they were shown, so all resamples lie on one side of the value.
"""

import math
from collections.abc import Collection

import numpy as np

COVERAGE = "coverage"
GINI = "gini"


def exposure_metrics(counts: Collection[int], num_items: int) -> dict[str, float]:
    """Catalogue coverage and the Gini coefficient of exposure.

    Coverage is the share of the items shown at all (Ge, Delgado-Battenfeld and Jannach, "Beyond accuracy", RecSys
    2010). The Gini coefficient is that over all items, shown or not (Fleder and Hosanagar, "Blockbuster culture's next
    rise or fall", Management Science 2009): 0 if all are shown equally often, near 1 if few have all places.

    Args:
        counts: how often each item that was shown at all was shown, positive.
        num_items: how many items the shop offers.

    Returns:
        Values by `COVERAGE` and `GINI`; NaN where nothing was shown.
    """
    if not counts:
        return {COVERAGE: math.nan, GINI: math.nan}
    ascending = np.sort(np.fromiter(counts, np.float64, len(counts)))
    ranks = np.arange(num_items - len(counts) + 1, num_items + 1)
    gini = (2 * ranks - num_items - 1) @ ascending / (num_items * ascending.sum())
    return {COVERAGE: len(counts) / num_items, GINI: float(gini)}
