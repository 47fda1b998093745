"""Which items get the places in the lists, by how popular they are, beside which items shoppers then take."""

from collections.abc import Iterable, Sequence

import numpy as np

from pipeline.page.document import Exposure, PopularityGroup
from pipeline.page.items import Items
from pipeline.page.judged_lists import JudgedList

_FIRST_GROUP = 10


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
