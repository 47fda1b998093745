"""What the items of the catalogue are called, and how popular they were when the evaluation starts."""

import pathlib
from collections.abc import Sequence

from schemas import catalog_rows


class Items:
    """The catalogue by item id.

    Attributes:
        by_popularity: ids from the most popular item to the least; ties are in the order of the catalogue.
        values: by feature, the value of each item, empty where it has none.
        offered: ids of the items on offer.
    """

    def __init__(
        self,
        texts: dict[bytes, str],
        popularity: dict[bytes, float],
        values: dict[str, dict[bytes, str]] | None = None,
        offered: frozenset[bytes] = frozenset(),
    ):
        """Args:
        texts: what each item is, in words.
        popularity: how often each was taken lately.
        values: see the attributes.
        offered: likewise.
        """
        self._texts = texts
        self.values, self.offered = values or {}, offered
        self.by_popularity = sorted(popularity, key=lambda item: -popularity[item])

    def text(self, item_id: bytes) -> str:
        """What an item is, in words; empty if the catalogue lacks it or says nothing about it."""
        return self._texts.get(item_id, "")


def read(catalogue: pathlib.Path, features: Sequence[str], told_apart: Sequence[str] = ()) -> Items:
    """Reads the split `catalog` of request examples.

    Args:
        catalogue: the split's folder, with GZIP TFRecords.
        features: item features that say what an item is, texts or categories.
        told_apart: categorical item features whose values are wanted.

    Raises:
        FileNotFoundError: the folder holds no items.
    """
    files = sorted(map(str, catalogue.glob("*")))
    if not files:
        raise FileNotFoundError(f"{catalogue} holds no items; run the pipeline again to write them")
    words = [f"item_{name}" for name in features]
    defaults = {"item_id": b"", "item_popularity": 0.0, "item_available": 1}
    defaults |= dict.fromkeys([*words, *(f"item_{name}" for name in told_apart)], b"")
    values: dict[str, dict[bytes, str]] = {name: {} for name in told_apart}
    offered: set[bytes] = set()
    texts: dict[bytes, str] = {}
    popularity: dict[bytes, float] = {}
    for batch in catalog_rows.batches(files, defaults):
        item_ids = batch["item_id"]
        popularity |= zip(item_ids, batch["item_popularity"], strict=True)
        offered.update(item for item, available in zip(item_ids, batch["item_available"], strict=True) if available > 0)
        for name, of_items in values.items():
            of_items |= zip(item_ids, map(bytes.decode, batch[f"item_{name}"]), strict=True)
        described = zip(*(batch[name] for name in words), strict=True) if words else [()] * len(item_ids)
        texts |= {
            item: ", ".join(word.decode() for word in words_of if word)
            for item, words_of in zip(item_ids, described, strict=True)
        }
    return Items(texts, popularity, values, frozenset(offered))
