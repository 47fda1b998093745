"""Requests as metrics of the log see them, with what a test leaves out empty."""

import numpy as np

from components.evaluation.metrics.logged_request import LoggedRequest


def logged_request(recommended=(), scores=None, items=(), logged=(), user_id=b"u", **given) -> LoggedRequest:
    """`items` are what the shopper did something with; `logged` are (item, propensity, reward) of one list."""
    amounts = ("clicks", "conversions", "revenue", "dwell_seconds")
    ids, propensities, rewards = zip(*logged, strict=True) if logged else ((), (), ())
    numbers = {"sessions": 1.0, "impressions": 0.0, "interactions": 0.0, "lists": float(bool(logged))} | given
    return LoggedRequest(
        user_id=user_id,
        recommended=list(recommended),
        scores=np.array([0.0] * len(recommended) if scores is None else scores),
        item_ids=list(items),
        logged_item_ids=list(ids),
        propensities=np.array(propensities, float),
        rewards=np.array(rewards, float),
        **{name: np.array(numbers.pop(name, [0.0] * len(items)), float) for name in amounts},
        **numbers,
    )
