"""One request as metrics see it."""

from typing import NamedTuple

from components.evaluation import ranking_metrics


class JudgedRequest(NamedTuple):
    """What a model recommended to a shopper, and what the shopper then took; ids as bytes."""

    user_id: bytes
    recommended: list[bytes]  # best first
    relevant: list[bytes]
    first_time: list[bytes]
    past: list[bytes]

    def shown(self, length: int) -> list[bytes]:
        """The first `length` distinct items of the list, fewer if it is shorter."""
        return ranking_metrics.first_distinct(self.recommended, length)
