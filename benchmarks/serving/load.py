"""What clients saw of a server."""

from collections import Counter
from typing import NamedTuple

import numpy as np


class Load(NamedTuple):
    """Seconds of each call that was answered, failures by code, and seconds from start to end."""

    latencies: np.ndarray
    failures: Counter
    duration: float

    @property
    def per_second(self) -> float:
        """Answered calls."""
        return len(self.latencies) / self.duration
