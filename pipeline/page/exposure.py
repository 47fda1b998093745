"""Which items get the places in the lists, by how popular they are, beside which items shoppers then take."""

import collections
from collections.abc import Iterable, Sequence

import numpy as np

from pipeline.page.document import Exposure, PopularityGroup, ValueExposure
from pipeline.page.items import Items
from pipeline.page.judged_lists import JudgedList

_FIRST_GROUP = 10
_MOST_VALUES = 12


def of_lists(lists: Sequence[JudgedList], items: Items, length: int) -> Exposure:
    """Shares of the shown places and of the taken items, by popularity and by the features whose values are known.

    Items that the catalogue lacks are left out of both.

    Args:
        lists: shown and then answered.
        items: the catalogue.
        length: of the lists.
    """
    features = {feature: by_value(lists, items, feature) for feature in items.values}
    return by_popularity(lists, items, length).model_copy(update={"features": features})


def by_value(lists: Sequence[JudgedList], items: Items, feature: str) -> list[ValueExposure]:
    """The values of a feature that shoppers take most of, at most twelve.

    Args:
        lists: shown and then answered.
        items: the catalogue.
        feature: one of `items.values`.
    """
    values = items.values[feature]
    shown = _value_shares((item for judged in lists for item in judged.shown), values)
    taken = _value_shares((item for judged in lists for item in judged.relevant), values)
    offered = _value_shares(items.offered, values)
    known = sorted({*shown, *taken, *offered}, key=lambda value: (-taken.get(value, 0), -offered.get(value, 0), value))
    return [
        ValueExposure(
            value=value,
            shown_share=shown.get(value, 0.0),
            taken_share=taken.get(value, 0.0),
            offered_share=offered.get(value, 0.0),
        )
        for value in known[:_MOST_VALUES]
    ]


def _value_shares(item_ids: Iterable[bytes], values: dict[bytes, str]) -> dict[str, float]:
    counts = collections.Counter(values[item] for item in item_ids if item in values)
    return {value: count / counts.total() for value, count in counts.items()}


def by_popularity(lists: Sequence[JudgedList], items: Items, length: int) -> Exposure:
    """Shares of the shown places and of the taken items by popularity: the top 10, to rank 100, to rank 1,000, ...

    Items that the catalogue lacks are left out of both.

    Args:
        lists: shown and then answered.
        items: the catalogue.
        length: of the lists.
    """
    ranks = {item: rank for rank, item in enumerate(items.by_popularity, start=1)}
    ends = _ends(len(ranks))
    shown = _shares((ranks.get(item) for judged in lists for item in judged.shown), ends)
    taken = _shares((ranks.get(item) for judged in lists for item in judged.relevant), ends)
    starts = [1, *(end + 1 for end in ends[:-1])]
    groups = [
        PopularityGroup(first_rank=start, last_rank=end, shown_share=shown_share, taken_share=taken_share)
        for start, end, shown_share, taken_share in zip(starts, ends, shown, taken, strict=True)
    ]
    return Exposure(num_requests=len(lists), length=length, groups=groups)


def _ends(num_items: int) -> list[int]:
    ends = []
    end = _FIRST_GROUP
    while end < num_items:
        ends.append(end)
        end *= 10
    return [*ends, num_items]


def _shares(ranks: Iterable[int | None], ends: Sequence[int]) -> list[float]:
    known = [rank for rank in ranks if rank is not None]
    counts = np.bincount(np.searchsorted(ends, known), minlength=len(ends))
    return (counts / max(1, len(known))).tolist()
