"""What shoppers did, and how much of it a model's list would have held."""

import numpy as np

from components.evaluation.metrics.logged_request import LoggedMetric, LoggedRequest

# Ratios of totals of the log: what is counted, for each of what.
DESCRIPTIONS = {
    "ctr": ("clicks", "impressions"),
    "cvr": ("conversions", "clicks"),
    "dwell_per_session": ("dwell_seconds", "sessions"),
    "visit_depth": ("interactions", "sessions"),
    "revenue_per_session": ("revenue", "sessions"),
}
CAPTURED = ("revenue", "dwell_seconds", "conversions")


class Description(LoggedMetric):
    """One of `DESCRIPTIONS`, which is the log's own and the same whatever a model would have shown."""

    def __init__(self, name: str):
        self.name = name
        self._counted, self._each = DESCRIPTIONS[name]

    def of(self, request: LoggedRequest) -> tuple[float, float]:
        return request.total(self._counted), request.total(self._each)


class Captured(LoggedMetric):
    """Of what a request came to, the share that its list holds, averaged over the requests that came to anything.

    It says nothing of what shoppers would have done had they seen the list. Refunds count as nothing.
    """

    def __init__(self, kind: str, cutoff: int):
        """Creates the metric of one of `CAPTURED`."""
        self.name = f"{base(kind)}@{cutoff}"
        self._kind, self._cutoff = kind, cutoff

    def of(self, request: LoggedRequest) -> tuple[float, float]:
        amounts = np.maximum(getattr(request, self._kind), 0.0)
        if not amounts.sum() > 0:
            return 0.0, 0.0
        shown = request.shown(self._cutoff)
        held = np.array([item in shown for item in request.item_ids])
        return float(amounts[held].sum() / amounts.sum()), 1.0


def base(kind: str) -> str:
    """What the captured share of a kind is called, without the cutoff."""
    return f"{kind.removesuffix('_seconds')}_captured"
