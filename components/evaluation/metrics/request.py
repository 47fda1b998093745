"""One request as metrics see it."""

import itertools
from typing import NamedTuple


class JudgedRequest(NamedTuple):
    """What a model recommended to a shopper, and what the shopper then took; ids as bytes."""

    user_id: bytes
    recommended: list[bytes]  # best first
    relevant: list[bytes]
    first_time: list[bytes]
    past: list[bytes]

    def shown(self, length: int) -> list[bytes]:
        """The first `length` distinct items of the list, fewer if it is shorter."""
        return list(itertools.islice(dict.fromkeys(item for item in self.recommended if item), length))
