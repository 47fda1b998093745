"""How likely a policy is to show an item at a place."""

import numpy as np
from scipy import stats

from pipeline.data.open_bandit import Prior

_TAIL, _POINTS = 28.0, 16_000  # log odds of the outermost quantiles that are integrated over, and points of all items


def uniform(num_items: int, places: int) -> np.ndarray:
    """Every item as likely as any other: float64 [num_items, places]."""
    return np.full([num_items, places], 1.0 / num_items)


def thompson(prior: Prior, places: int) -> np.ndarray:
    """Thompson sampling that shows the items of the largest draws, in their order: float64 [num_items, places].

    An item comes at place j if just j others draw more. How many do, given the item's own draw, is the sum of
    independent trials, and over the draw the trapezoid rule integrates.
    """
    levels = stats.logistic.cdf(np.linspace(-_TAIL, _TAIL, _POINTS // len(prior.alpha)))
    draws = np.unique(stats.beta.ppf(levels[:, np.newaxis], prior.alpha, prior.beta))
    more = stats.beta.sf(draws, prior.alpha[:, np.newaxis], prior.beta[:, np.newaxis])
    density = stats.beta.pdf(draws, prior.alpha[:, np.newaxis], prior.beta[:, np.newaxis])
    found = np.empty([len(prior.alpha), places])
    for item in range(len(prior.alpha)):
        ahead = np.zeros([places, len(draws)])  # how likely just so many others draw more
        ahead[0] = 1.0
        for other in range(len(prior.alpha)):
            if other != item:
                ahead[1:] = ahead[1:] * (1 - more[other]) + ahead[:-1] * more[other]
                ahead[0] *= 1 - more[other]
        found[item] = np.trapezoid(density[item] * ahead, draws, axis=1)
    return found


def simulated_thompson(prior: Prior, places: int, draws: int, seed: int) -> np.ndarray:
    """The same as the shares of so many simulated draws, as the published figures have it: float64 [items, places]."""
    drawn = np.random.RandomState(seed).beta(prior.alpha, prior.beta, size=[draws, len(prior.alpha)])
    ranked = np.argsort(drawn, axis=1)[:, ::-1]
    counts = [np.bincount(ranked[:, place], minlength=len(prior.alpha)) for place in range(places)]
    return np.stack(counts, axis=1) / draws
