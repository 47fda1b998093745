"""Metrics of one recommended list against the items that turned out relevant, with binary relevance.

Definitions follow Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques" (TOIS 2002) for NDCG and
Voorhees, "The TREC-8 question answering track report" (1999) for the reciprocal rank. For a list cut after rank k:

- `recall@k`: relevant items in the list / all relevant items; the divisor is not capped at k, so a request with more
  than k relevant items cannot reach 1.
- `ndcg@k`: sum of 1 / log2(rank + 1) over the hits / the same sum over ranks 1 .. min(k, number of relevant items).
- `mrr@k`: 1 / rank of the first hit, 0 without one.
- `hit_rate@k`: 1 if there is a hit, else 0.
- `precision@k`: hits / k, also where the list is shorter.
- `map@k`: sum of precision@rank over the hits / all relevant items; its mean over requests is the MAP of TREC.

Each is computed twice: over all items, and, under the prefix `first_time/`, for discovery: items which the shopper took
before are removed from the list, and only first-time items are relevant. A request without a relevant item says
nothing about the model and is skipped, in each of the two groups by itself.
"""

import itertools
import math
from collections.abc import Collection, Iterable, Iterator, Sequence

FIRST_TIME = "first_time/"
REQUESTS = "requests"
_GROUPS = ("", FIRST_TIME)
_METRICS = ("recall", "ndcg", "mrr", "hit_rate", "precision", "map")


def list_metric_names(cutoffs: Sequence[int]) -> list[str]:
    """Names of the metrics of one list, such as `ndcg@10`."""
    return [f"{metric}@{k}" for k in cutoffs for metric in _METRICS]


def mean_names(cutoffs: Sequence[int]) -> list[str]:
    """Names of the metrics that are averaged over requests: those of all items, then those of first-time items."""
    return [group + name for group in _GROUPS for name in list_metric_names(cutoffs)]


def count_names() -> list[str]:
    """Names of the numbers of requests that the means are taken over: of all items and of first-time items."""
    return [group + REQUESTS for group in _GROUPS]


def first_distinct(items: Iterable[bytes], length: int) -> list[bytes]:
    """The first `length` distinct items, fewer if there are no more; padding ("") is none."""
    return list(itertools.islice(_distinct(items), length))


def _distinct(items: Iterable[bytes]) -> Iterator[bytes]:
    seen = set()
    for item in items:
        if item and item not in seen:
            seen.add(item)
            yield item


def list_metrics(recommended: Iterable[bytes], relevant: Collection[bytes], cutoffs: Sequence[int]) -> dict[str, float]:
    """Metrics of one list at each cutoff.

    Args:
        recommended: item ids, best first; padding ("") is ignored, and an item counts at its first place only.
        relevant: item ids, at least one.
        cutoffs: list lengths to judge, each at least 1.

    Raises:
        ValueError: `relevant` holds no item.
    """
    relevant = {item for item in relevant if item}
    if not relevant:
        raise ValueError("a list cannot be judged without a relevant item; skip such requests")
    items = first_distinct(recommended, max(cutoffs, default=0))
    hit_ranks = [rank for rank, item in enumerate(items, start=1) if item in relevant]
    metrics = {}
    for k in cutoffs:
        hits = [rank for rank in hit_ranks if rank <= k]
        metrics[f"recall@{k}"] = len(hits) / len(relevant)
        metrics[f"ndcg@{k}"] = _gain(hits) / _gain(range(1, min(k, len(relevant)) + 1))
        metrics[f"mrr@{k}"] = 1.0 / hits[0] if hits else 0.0
        metrics[f"hit_rate@{k}"] = float(bool(hits))
        metrics[f"precision@{k}"] = len(hits) / k
        metrics[f"map@{k}"] = sum(count / rank for count, rank in enumerate(hits, start=1)) / len(relevant)
    return metrics


def _gain(ranks: Collection[int]) -> float:
    return sum(1.0 / math.log2(rank + 1) for rank in ranks)


def request_metrics(
    recommended: Sequence[bytes],
    relevant: Collection[bytes],
    first_time: Collection[bytes],
    past: Collection[bytes],
    cutoffs: Sequence[int],
) -> dict[str, float]:
    """What one request adds to the sums whose quotients are the means over requests.

    Args:
        recommended: item ids, best first, padded with "".
        relevant: items that the shopper took.
        first_time: those of `relevant` that the shopper had never taken before.
        past: everything that the shopper had taken before.
        cutoffs: list lengths to judge.

    Returns:
        The request's metrics and a count of 1 for each group (all items, first-time items) that it has a relevant item
        in; nothing for a group that skips it.
    """
    past = set(past)
    unseen = (item for item in recommended if item not in past)
    metrics = {}
    for group, items, answers in (("", recommended, relevant), (FIRST_TIME, unseen, first_time)):
        if any(answers):
            metrics[group + REQUESTS] = 1.0
            for name, value in list_metrics(items, answers, cutoffs).items():
                metrics[group + name] = value
    return metrics
