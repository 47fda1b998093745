"""Which metrics an evaluation consists of."""

import dataclasses

from components.evaluation.metrics.heads import Head


@dataclasses.dataclass(frozen=True)
class Selection:
    """What is known when lists and predictions are judged, and with it what can be measured.

    Attributes:
        cutoffs: list lengths to judge.
        has_catalogue: whether the items are known.
        has_category: whether their categories say anything.
        has_embeddings: whether it is known how alike they are.
        exposure: item features, of whose values the exposure is measured.
        heads: of the ranker, whose predictions are judged.
    """

    cutoffs: tuple[int, ...]
    has_catalogue: bool = False
    has_category: bool = False
    has_embeddings: bool = False
    exposure: tuple[str, ...] = ()
    heads: tuple[Head, ...] = ()
