"""What only all lists together have: how shown places are spread over the items that the shop offers.

There is no bootstrap interval for these. A resample leaves out a third of the shoppers, and with them the items that
only they were shown, so all resamples lie on one side of the value.
"""

import math
from collections.abc import Collection

import numpy as np

COVERAGE = "coverage"
GINI = "gini"
DISPARITY = "disparity"
LEAST_EXPOSURE = "least_exposure"
LEAST_SHARE = 0.01  # of what shoppers take: groups of items with less say too little


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


def group_metrics(shown: np.ndarray, taken: np.ndarray) -> dict[str, float]:
    """How the shown places are spread over groups of items, such as brands, beside what shoppers then take of each.

    Exposure in proportion to merit is what Singh and Joachims ask for, "Fairness of exposure in rankings", KDD 2018;
    merit here is what the same shoppers took. `DISPARITY` is the total variation distance of the two, the share of the
    places that would have to go to other groups: 0 is as shoppers take. `LEAST_EXPOSURE` is the share of the places
    over the share of the taken items of the group that is worst off by it, of those that have `LEAST_SHARE` of what was
    taken: 1 is as shoppers take, 0 leaves a group out.

    Args:
        shown: places that went to each group, float64 [groups].
        taken: items of it that shoppers took, float64 [groups].

    Returns:
        Values by `DISPARITY` and `LEAST_EXPOSURE`; NaN where nothing was shown, or nothing taken.
    """
    if not shown.any() or not taken.any():
        return {DISPARITY: math.nan, LEAST_EXPOSURE: math.nan}
    exposure, merit = shown / shown.sum(), taken / taken.sum()
    of_note = merit >= LEAST_SHARE
    least = float((exposure[of_note] / merit[of_note]).min()) if of_note.any() else math.nan
    return {DISPARITY: float(np.abs(exposure - merit).sum()) / 2, LEAST_EXPOSURE: least}
